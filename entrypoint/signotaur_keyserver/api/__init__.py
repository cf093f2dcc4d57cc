"""The use cases over HTTP: routes, answers, limits and what is logged of each request."""
