#!/bin/sh
# TeamCity: rotates the signing key in the last 30 days of its life, and sets the project's
# parameter that builds read. A Command Line step that runs this file, in a build configuration
# with a schedule trigger (03:17, every night) and at most one running build.
# Needs:
#   - on the agent signotaur-action and curl
#   - parameters of the project SigningProject:
#     env.SIGNOTAUR_API_KEY, of type Password: the key
#     env.SIGNOTAUR_SERVER: the key server's URL
#   - parameters of this build configuration alone:
#     env.TEAMCITY_URL: %teamcity.serverUrl%
#     env.TEAMCITY_TOKEN, of type Password: an access token that is limited to the permission
#       "Edit project" in that project
# The one line on stdout is a message to TeamCity and holds the new key; TeamCity hides the value
# of a parameter of type Password. Nothing else that is printed holds one.
# When it fails, builds go on: both keys work. Run it again. When the new key was lost, run it
# once with env.SIGNOTAUR_AGAIN=true.
set -eu

# Set the project's parameter to what stands on stdin; its type stays Password. The token goes
# through a pipe as well: nothing secret is in a process list or in a file.
store() {
    parameters="$TEAMCITY_URL/app/rest/projects/id:SigningProject/parameters"
    curl --config /dev/fd/3 --request PUT --header 'Content-Type: text/plain' --data-binary @- \
        --fail --silent --show-error --max-time 30 --output /dev/null \
        "$parameters/env.SIGNOTAUR_API_KEY/value" 3<<EOF
header = "Authorization: Bearer $TEAMCITY_TOKEN"
EOF
}

if [ "${1:-}" = store ]; then
    store
    exit
fi
# First the project, for the builds to come; then this build, for its later steps.
signotaur-action rotate-key \
    --if-expiring-within 30d \
    --overlap-days 7 \
    --emit-secret "command:sh $0 store" \
    --emit-secret teamcity:env.SIGNOTAUR_API_KEY
