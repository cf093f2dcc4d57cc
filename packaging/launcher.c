/*
 * The first program of the images: starts the client without the variables that load code into
 * programs. It is static, so they load none into this one.
 */
#include <string.h>
#include <unistd.h>

#define PYTHON "/usr/bin/python3"
#define FAILED "signotaur-action: cannot start " PYTHON "\n"

extern char **environ;

/*
 * What glibc ignores in a program with privileges (unsecvars.h, ld.so(8)), except TMPDIR, which
 * loads nothing. Python ignores its own variables because of -I, and the client drops OpenSSL's.
 */
static const char *const dropped[] = {
    "LD_",          "MALLOC_",      "GLIBC_TUNABLES=", "GCONV_PATH=",       "GETCONF_DIR=",
    "HOSTALIASES=", "LOCALDOMAIN=", "LOCPATH=",        "NIS_PATH=",         "NLSPATH=",
    "RES_OPTIONS=", "TZDIR=",       "RESOLV_HOST_CONF=",
};

static int is_dropped(const char *variable)
{
    for (size_t i = 0; i < sizeof dropped / sizeof *dropped; i++)
        if (strncmp(variable, dropped[i], strlen(dropped[i])) == 0)
            return 1;
    return 0;
}

int main(int argc, char **argv)
{
    char *command[argc + 5];
    int count = 0;
    char **kept = environ;

    for (char **each = environ; *each; each++)
        if (!is_dropped(*each))
            *kept++ = *each;
    *kept = NULL;

    command[count++] = PYTHON;
    command[count++] = "-I";
    command[count++] = "-m";
    command[count++] = "signotaur_action";
    for (int i = 1; i < argc; i++)
        command[count++] = argv[i];
    command[count] = NULL;
    execv(PYTHON, command);
    return write(STDERR_FILENO, FAILED, sizeof FAILED - 1) < 0 ? 126 : 127;
}
