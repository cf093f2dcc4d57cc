"""Signing files with a certificate whose private key stays on the server.

``files`` says which files, ``osslsigncode`` knows their formats, ``cms`` builds the signature
around the digest that the server signs, ``run`` is the use case. The extra ``sign`` is needed.
"""
