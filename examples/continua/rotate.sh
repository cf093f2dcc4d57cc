#!/bin/sh
# Continua CI: rotates the signing key in the last 30 days of its life, and sets the server
# variable that builds read. An "Execute Program" action of a configuration that a trigger starts
# every night, off the full hour, and that runs one build at a time.
# Needs:
#   - on the agent Docker and the image signotaur-action:dev
#   - in Continua the server variable SignotaurApiKey of type Password, with the key
#   - in the action the variables SIGNOTAUR_API_KEY=%SignotaurApiKey% and SIGNOTAUR_SERVER
# The one line on stdout is a message to Continua and holds the new key: let nobody read this
# configuration's log who may not have the key. Nothing else that is printed holds one.
# When it fails, the action fails and builds go on: both keys work. Start it again; the journal
# in the volume finishes what was begun. Continua confirms no message: if the variable did not
# take the key, start it once with SIGNOTAUR_AGAIN=true, before the overlap ends.
set -eu
# --env with a name alone: the key is in no process list.
docker run --rm --read-only --cap-drop ALL --security-opt no-new-privileges \
    --env SIGNOTAUR_API_KEY --env SIGNOTAUR_SERVER --env SIGNOTAUR_AGAIN \
    --env SIGNOTAUR_STATE_DIR=/state --volume signotaur-state:/state \
    signotaur-action:dev rotate-key \
    --if-expiring-within 30d \
    --overlap-days 7 \
    --emit-secret "continua:serverVar=SignotaurApiKey"
