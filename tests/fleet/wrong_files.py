"""Fleet files with one fault each, and what is said of it."""

from signotaur_wire import keyformat

KEY = keyformat.generate()
SERVER = "https://127.0.0.1:9"
HEAD = f"defaults:\n  sign-server: {SERVER}\nkeys:\n"


def entry(name: str, source: str = "", destination: str = "") -> str:
    return (
        f"  {name}:\n    api-key-file: {source or name}.txt\n"
        f"    write-key-file: {destination or name}.txt\n"
    )


CASES = {
    "empty": ("", "1: the file is empty; it needs the member keys"),
    "a text": ("hello\n", "1: the file must be a mapping: lines with NAME: VALUE"),
    "no keys": ("defaults: {}\n", "1: the member keys is missing: it lists the keys by name"),
    "keys that are empty": (HEAD, "3: keys must be a mapping: lines with NAME: VALUE"),
    "keys without one": ("keys: {}\n", "1: keys lists no key"),
    "not YAML": (
        HEAD + "  a: [\n",
        "5: the file is not valid YAML: expected the node content, but found '<stream end>'",
    ),
    "an anchor": (
        HEAD + "  a: &all\n    b: 1\n",
        "4: the file is not valid YAML: anchors (&) and aliases (*) are not allowed; use the ",
    ),
    "nesting": (
        "keys:\n  a:\n    emit-secret: [[[[1]]]]\n",
        "3: the file is not valid YAML: values are nested too deeply",
    ),
    "a control character": (
        HEAD + entry("a") + "# \x00\n",
        "7: the file is not valid YAML: a character is not allowed",
    ),
    "two documents": (HEAD + entry("a") + "---\n", "7: the file is not valid YAML: but found "),
    "an unknown member": (
        HEAD + entry("a") + "    emit-secrets: stdout\n",
        "7: emit-secrets is not known here; the known members are ",
    ),
    "an unknown member of the file": (
        HEAD + entry("a") + "servers: {}\n",
        "7: servers is not known here; the known members are defaults, keys",
    ),
    "a key's own member in defaults": (
        "defaults:\n  write-key-file: a.txt\n" + HEAD.partition("\n")[2].partition("\n")[2],
        "2: write-key-file is not known here; the known members are ",
    ),
    "a member twice": (
        HEAD + entry("a") + "    write-key-file: c.txt\n",
        "7: write-key-file is given twice, first in line 6; remove one",
    ),
    "a name twice": (HEAD + entry("a") * 2, "7: a is given twice, first in line 4; remove one"),
    "a destination twice": (
        HEAD + "  a:\n    api-key-file: a.txt\n    emit-secret: [key-file:c.txt, key-file:c.txt]\n",
        "6: emit-secret names key-file:c.txt twice; remove one",
    ),
    "a destination twice in other words": (
        HEAD + "  a:\n    api-key-file: a.txt\n    emit-secret: [key-file:n, key-file:./n]\n",
        "6: a names {place}/n twice: remove one",
    ),
    "the same key twice": (
        HEAD + entry("a") + entry("b", "a", "n"),
        "7: b rotates the same key as a (line 4): keep one entry, with the destinations of both",
    ),
    "a shared destination": (
        HEAD + entry("a", "a", "n") + entry("b", "b", "./n"),
        "9: b has the same destination as a (line 4), {place}/n.txt: give each key its own",
    ),
    "the key file of another": (
        HEAD + entry("a", "a", "b") + entry("b", "b", "n"),
        "6: a would overwrite the key of b (line 7): give each key its own file",
    ),
    "a key as a member": (
        HEAD + "  a:\n    api-key: nothing\n    write-key-file: a.txt\n",
        "5: api-key is a secret and does not belong in a file: name the file or the variable",
    ),
    "a number where a flag is due": (
        HEAD + entry("a") + "    no-auto-revoke: 1\n",
        "7: no-auto-revoke must be true or false",
    ),
    "another word for true": (
        HEAD + entry("a") + "    no-auto-revoke: yes\n",
        "7: no-auto-revoke must be true or false",
    ),
    "a list where a text is due": (
        HEAD + entry("a") + "    timeout: [1s]\n",
        "7: timeout must be text, in quotes if YAML takes it otherwise",
    ),
    "a word that YAML takes otherwise": (
        HEAD + entry("a") + "    state-dir: no\n",
        "7: state-dir must be text, in quotes if YAML takes it otherwise",
    ),
    "an empty value": (
        HEAD + entry("a") + "    state-dir:\n",
        "7: state-dir must be text, in quotes if YAML takes it otherwise",
    ),
    "an empty list": (
        HEAD + "  a:\n    api-key-file: a.txt\n    emit-secret: []\n",
        "6: emit-secret is an empty list",
    ),
    "a Python object": (
        HEAD + entry("a") + "    timeout: !!python/object:os.system x\n",
        "7: timeout must be text, in quotes if YAML takes it otherwise",
    ),
    "no source": (
        HEAD + "  a:\n    write-key-file: c.txt\n",
        "4: a does not say where its key is: give api-key-file, or api-key-name for a variable",
    ),
    "no destination": (
        HEAD + "  a:\n    api-key-file: a.txt\n",
        "4: a has no destination: give one of write-key-file, write-env-file, emit-secret",
    ),
    "a destination that prints": (
        HEAD + "  a:\n    api-key-file: a.txt\n    emit-secret: template:{{{{secret}}}}\n",
        "6: template belongs to the output of one command, and all keys of a fleet share that: ",
    ),
    "a name of spaces": (
        HEAD + entry('"a b"', "a", "a"),
        "4: a b is not a valid name of a key: use 1 to 64 letters, digits, dots, hyphens and _",
    ),
    "a wrong duration in defaults": (
        "defaults:\n  timeout: soon\n  sign-server: " + SERVER + "\nkeys:\n" + entry("a"),
        "2: a: --timeout: ",
    ),
    "a wrong overlap": (
        HEAD + entry("a") + "    overlap-days: 31\n",
        "7: a: --overlap-days: The overlap must be between 0 and 30 days, not 31.",
    ),
    "an unknown destination": (
        HEAD + "  a:\n    api-key-file: a.txt\n    emit-secret: pigeon:x\n",
        "6: a: --emit-secret has an unknown kind; the known ones are ",
    ),
    "a destination without what it needs": (
        HEAD + "  a:\n    api-key-file: a.txt\n    emit-secret: env-file:x\n",
        "6: a: env-file: needs PATH#NAME",
    ),
    "no key in the file": (
        HEAD + entry("a", "missing", "n"),
        "5: a: --api-key-file: missing.txt cannot be read (no such file or directory)",
    ),
    "a key in place of a variable's name": (
        HEAD + "  a:\n    api-key-name: a.key-of-the-vendor\n    write-key-file: c.txt\n",
        "5: api-key-name must be the name of a variable",
    ),
    "no server": ("keys:\n" + entry("a"), "2: a: --sign-server: no server is set; "),
    "a variable that is not set": (
        HEAD + entry("a") + "    variables-from:\n      GH_TOKEN: TOKEN_A\n",
        "7: a: the variable TOKEN_A is not set",
    ),
    "a variable that is an option": (
        HEAD + entry("a") + "    variables-from:\n      SIGNOTAUR_AGAIN: TOKEN_A\n",
        "8: SIGNOTAUR_AGAIN cannot be set here: name a variable of a store",
    ),
    "a value where a name is due": (
        HEAD + entry("a") + "    variables-from:\n      GH_TOKEN: not/a name\n",
        "8: the value of GH_TOKEN must be the name of a variable",
    ),
}
