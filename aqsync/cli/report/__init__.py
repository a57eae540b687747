"""The report for the lab: what it tells, and the page that shows it."""
