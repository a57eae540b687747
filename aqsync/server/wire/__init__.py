"""HTTP: requests, answers, and the two endpoints of the API."""
