#!/bin/sh
# AWS Secrets Manager, from any scheduler: rotates the signing key in the last 30 days of its life.
# The key is the secret ci/signotaur.
# Needs:
#   - here signotaur-action and the AWS command line, aws
#   - SIGNOTAUR_SERVER, AWS_REGION, and credentials of a role in AWS_ACCESS_KEY_ID,
#     AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN. The role has the actions DescribeSecret,
#     GetSecretValue and PutSecretValue of Secrets Manager for this secret, and nothing else
#   - the secret ci/signotaur: the key
# When it fails, builds go on: both keys work. Run it again. When the new key was lost, run it
# once with SIGNOTAUR_AGAIN=true.
set -eu +x # the key will be in a variable
SIGNOTAUR_API_KEY=$(aws secretsmanager get-secret-value --secret-id ci/signotaur \
    --query SecretString --output text)
export SIGNOTAUR_API_KEY
signotaur-action rotate-key \
    --if-expiring-within 30d \
    --overlap-days 7 \
    --emit-secret "aws-secret:ci/signotaur"
