"""The client: rotate a code-signing server's API key from CI and deliver it safely."""
