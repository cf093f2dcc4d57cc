#!/bin/sh
# TeamCity: rotates the signing key in the last 30 days of its life, and sets the project's
# parameter that builds read. A Command Line step that runs this file, in a build configuration
# with a schedule trigger (03:17, every night) and at most one running build.
# Needs:
#   - on the agent signotaur-action
#   - parameters of the project SigningProject:
#     env.SIGNOTAUR_API_KEY, of type Password: the key
#     env.SIGNOTAUR_SERVER: the key server's URL
#   - parameters of this build configuration alone:
#     env.TEAMCITY_URL: %teamcity.serverUrl%
#     env.TEAMCITY_TOKEN, of type Password: an access token that is limited to the permissions
#       "View project" and "Edit project" in that project
# The one line on stdout is a message to TeamCity and holds the new key; TeamCity hides the value
# of a parameter of type Password. Nothing else that is printed holds one.
# When it fails, builds go on: both keys work. Run it again. When the new key was lost, run it
# once with env.SIGNOTAUR_AGAIN=true.
set -eu
# First the project, for the builds to come; then this build, for its later steps.
signotaur-action rotate-key \
    --if-expiring-within 30d \
    --overlap-days 7 \
    --emit-secret teamcity-param:env.SIGNOTAUR_API_KEY,project=SigningProject \
    --emit-secret teamcity:env.SIGNOTAUR_API_KEY
