"""The signing calls, in the vendor's form: each route calls one use case."""

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse

from signotaur_keyserver.api import openapi
from signotaur_keyserver.api.context import context_of, source_of
from signotaur_keyserver.api.dependencies import certificate_request, sign_request, using
from signotaur_keyserver.pki.selection import CertificateRefusedError
from signotaur_keyserver.service.signing import certificate_refused, find_certificate, sign_digest
from signotaur_wire import signing

router = APIRouter(default_response_class=JSONResponse)


@router.post(signing.CERT_GET, **openapi.CERT_GET)
async def get_certificate(request: Request) -> JSONResponse:
    """Return the certificate that a selector names, without its private key.

    Of several selectors the first one of thumbprint, label and subject decides.
    """
    caller = await using(request)
    body = await certificate_request(request)
    context = context_of(request)
    try:
        answer = await context.read(find_certificate, context.database, caller, body)
    except CertificateRefusedError as refused:
        context.refusals.add(certificate_refused(caller, body, refused, source_of(request)))
        answer = signing.CertificateAnswer(
            signing.FAILED, str(refused), expired_at=refused.expired_at
        )
    return JSONResponse(answer.to_json())


@router.post(signing.SIGN, **openapi.SIGN)
async def sign(request: Request) -> JSONResponse:
    """Sign a digest: PKCS#1 v1.5 with an RSA key, DER with an ECDSA key."""
    caller = await using(request)
    body = await sign_request(request)
    context = context_of(request)
    answer, refusal = await run_in_threadpool(
        sign_digest, context.database, context.private_keys, caller, body, source_of(request)
    )
    if refusal is not None:
        context.refusals.add(refusal)
    context.signatures.note(answer.result)
    return JSONResponse(answer.to_json())
