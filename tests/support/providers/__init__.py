"""Stand-ins of the services that take secrets or reports, as strict as their documents."""
