#!/bin/sh
# What rotate-key is compared with: the same calls, by hand, without its checks.
#
#   rotate_by_curl.sh URL CA_FILE KEY_FILE NEW_KEY_FILE BODY_FILE ROTATION_ID
#
# NEW_KEY_FILE holds the new key and BODY_FILE the request that carries its
# digest: both are made beforehand. The new key ends up in KEY_FILE.
set -eu

url=$1/api/v1 ca=$2 key=$3 new_key=$4 body=$5 rotation=$6

# Keys go to curl through its standard input: arguments show in process lists.
call() {
    holder=$1
    shift
    printf 'Authorization: Bearer %s\n' "$(cat "$holder")" |
        curl --silent --show-error --fail --max-time 10 --cacert "$ca" --header @- "$@"
}

call "$key" "$url/keys/self"
call "$key" --request PUT --header 'Content-Type: application/json' --data "@$body" \
    "$url/rotations/$rotation"
call "$new_key" "$url/keys/self"
mv "$new_key" "$key"
call "$key" --request PUT "$url/rotations/$rotation/confirmation"
