"""What the files of a folder tell of its experiment.

Files are read that anybody may have written, so a process of its own reads each: with limits on
time, memory and what it answers, without a variable of ours, and with the file already open.
"""
