"""Pages for people, and their JSON twins: what a browser or a script of a person reaches."""
