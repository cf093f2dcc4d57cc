#!/bin/sh
# HashiCorp Vault or OpenBao, from any scheduler: rotates the signing key in the last 30 days of its
# life. The key is a field of a secret in a KV engine of version 2; its other fields stay.
# Needs:
#   - here signotaur-action and Vault's own program, vault (for OpenBao: write bao instead)
#   - SIGNOTAUR_SERVER, VAULT_ADDR, and VAULT_TOKEN: a token whose policy has read, create and
#     update on secret/data/ci/signotaur, and nothing else
#   - the field SIGNOTAUR_API_KEY of secret/ci/signotaur: the key
# When it fails, builds go on: both keys work. Run it again. When the new key was lost, run it
# once with SIGNOTAUR_AGAIN=true.
set -eu +x # the key will be in a variable
SIGNOTAUR_API_KEY=$(vault kv get -mount=secret -field=SIGNOTAUR_API_KEY ci/signotaur)
export SIGNOTAUR_API_KEY
signotaur-action rotate-key \
    --if-expiring-within 30d \
    --overlap-days 7 \
    --emit-secret "vault:secret/ci/signotaur#SIGNOTAUR_API_KEY"
