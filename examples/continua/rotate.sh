#!/bin/sh
# Continua CI, "Execute Program" action of a scheduled configuration. Give it two environment
# variables: SIGNOTAUR_SERVER, and SIGNOTAUR_API_KEY from the server variable of type Password
# that the message below sets again (%SignotaurApiKey%).
# Continua reads the @@continua message from the output and stores the new key.
set -eu
docker run --rm \
    --env SIGNOTAUR_API_KEY --env SIGNOTAUR_SERVER \
    --env SIGNOTAUR_STATE_DIR=/state --volume signotaur-state:/state \
    signotaur-action:dev rotate-key \
    --if-expiring-within 30d \
    --emit-secret "continua:serverVar=SignotaurApiKey"
