"""How local trees lie on a server that has no folders: the names of files, and manifests.

Pure: nothing here reads a disk or asks a server, and it imports the errors alone.
"""
