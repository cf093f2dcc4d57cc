# Continua CI on Windows: rotates the signing key of the vendor's server, and sets the server
# variable that builds read. A "PowerShell" action of a configuration that a trigger starts every
# two months, and that runs one build at a time.
# Needs:
#   - on the agent the client and SignotaurTool, at the paths below
#   - in Continua the server variable SignotaurApiKey of type Password, with the key
#   - in the action the variables SIGNOTAUR_API_KEY=%SignotaurApiKey% and SIGNOTAUR_SERVER
# The one line on stdout is a message to Continua and contains the new key: let nobody read this
# configuration's log who may not have the key. Nothing else that is printed contains one.
# When it fails, the action fails and builds continue: the old key works until its overlap ends.
# Start it again; it delivers the same key. docs/vendor-server.md says when a person must look.
$ErrorActionPreference = 'Stop' # else a missing program is no failure
$arguments = @(
    'rotate-key'
    '--tool', 'C:\Program Files\VSoft Technologies\Signotaur\ClientTool\SignotaurTool.exe'
    '--overlap-days', '14'
    '--state-dir', 'C:\ProgramData\signotaur-action'
    '--emit-secret', 'continua:serverVar=SignotaurApiKey'
)
& 'C:\signotaur\Scripts\signotaur-action.exe' @arguments
exit $LASTEXITCODE
