"""What serves: TLS, the HTTP server, the hourly sweep."""
