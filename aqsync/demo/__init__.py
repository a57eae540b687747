"""The parts of ``aqsync demo``: a sample to push, and a check of what arrived."""
