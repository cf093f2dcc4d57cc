# Rotates the signing key of the vendor's server in a file, on the Windows machine that signs: as
# a step of a self-hosted runner, or as a scheduled task of the user who signs. Every two months.
# Needs: the client, SignotaurTool and the key file, at the paths below.
# When it fails, builds continue: the file has a key that works. Start it again; it delivers the
# same key. docs/vendor-server.md says when a person must look first.
$ErrorActionPreference = 'Stop' # else a missing program is no failure
$env:SIGNOTAUR_SERVER = 'https://signotaur.example.com'
$arguments = @(
    'rotate-key'
    '--tool', 'C:\Program Files\VSoft Technologies\Signotaur\ClientTool\SignotaurTool.exe'
    '--overlap-days', '14'
    '--api-key-file', 'C:\ProgramData\signotaur-action\api_key.txt'
    '--write-key-file', 'C:\ProgramData\signotaur-action\api_key.txt'
)
& 'C:\signotaur\Scripts\signotaur-action.exe' @arguments
exit $LASTEXITCODE
