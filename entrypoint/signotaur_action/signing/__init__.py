"""Sign files with a certificate whose private key stays on the server.

``files`` finds the files, ``file_check`` refuses those that must not be signed, ``formats`` knows
who reads and writes each format, ``cms`` builds the signature around the digest that the server
signs, ``signed_message`` verifies one, and ``run`` is the use case. It needs the extra ``sign``.
"""
