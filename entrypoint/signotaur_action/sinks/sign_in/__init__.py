"""How a job proves to a store who it is, with its ID token instead of a stored one."""
