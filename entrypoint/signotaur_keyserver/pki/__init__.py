"""Certificates, private keys and signatures. No HTTP, no SQL, and no clock."""
