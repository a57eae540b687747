"""Moving all that one storage has into another one."""
