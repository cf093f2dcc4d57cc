"""Sign files with a certificate whose private key stays on the server.

``files`` finds the files, ``file_check`` refuses those that must not be signed, ``osslsigncode``
and ``cat_files`` read and write the formats, ``cms`` builds the signature around the digest that
the server signs, and ``run`` is the use case. It needs the extra ``sign``.
"""
