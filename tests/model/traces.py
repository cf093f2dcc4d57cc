"""The shortest way to a lock-out without each rule that the protocol depends on."""

from model.protocol import Rules

TRACES: dict[str, tuple[Rules, str]] = {
    "confirming arms": (
        Rules(confirming_arms=False),
        """
        run 0 starts on machine 0
        run 0 makes key 1
        run 0 opens, and the answer is lost
        key 0 ends
        """,
    ),
    "resuming takes the lease": (
        Rules(resuming_takes_the_lease=False),
        """
        run 0 starts on machine 0
        run 0 makes key 1
        run 0 opens, and the answer is lost
        run 0 dies
        run 1 starts on machine 0
        run 1 finds a journal
        run 1 learns that it is open
        run 1 uses its key
        run 2 starts on machine 1
        run 2 makes key 2
        the lease on key 1 ends
        run 2 opens
        run 2 uses its key
        run 2 delivers to destination 0
        run 1 delivers to destination 0
        run 2 delivers to destination 1
        run 2 confirms, and the answer is lost
        key 1 ends
        """,
    ),
    "decided is decided": (
        Rules(decided_is_decided=False),
        """
        run 0 starts on machine 0
        run 0 makes key 1
        run 0 opens, and the answer is lost
        run 0 dies
        run 1 starts on machine 0
        run 1 finds a journal
        run 1 learns that it is open
        run 2 starts on machine 1
        run 2 makes key 2
        the lease on key 1 ends
        run 2 opens
        run 2 uses its key
        run 2 delivers to destination 0
        run 2 delivers to destination 1
        run 2 confirms, and the answer is lost
        run 1 overlooks the answer
        run 1 uses its key
        run 1 delivers to destination 0
        key 1 ends
        """,
    ),
    "runs die before their lease": (
        Rules(runs_die_before_their_lease=False),
        """
        run 0 starts on machine 0
        run 0 makes key 1
        run 0 opens
        run 0 uses its key
        run 1 starts on machine 1
        run 1 makes key 2
        the lease on key 1 ends
        run 1 opens
        run 1 uses its key
        run 1 delivers to destination 0
        run 0 delivers to destination 0
        run 1 delivers to destination 1
        run 1 confirms, and the answer is lost
        key 1 ends
        """,
    ),
    "runs are leased apart": (
        Rules(leased_apart=False),
        """
        run 0 starts on machine 0
        run 0 makes key 1
        run 0 opens
        run 0 uses its key
        run 0 delivers to destination 0
        run 1 starts on machine 1
        run 0 delivers to destination 1
        run 1 makes key 2
        run 1 opens
        run 0 confirms, and the answer is lost
        run 1 uses its key
        run 1 delivers to destination 0
        key 2 ends
        """,
    ),
    "keys are used before they are delivered": (
        Rules(used_before_delivered=False),
        """
        run 0 starts on machine 0
        run 0 makes key 1
        run 0 opens
        run 0 uses its key
        run 0 delivers to destination 0
        run 0 dies
        run 1 starts on machine 1
        run 1 makes key 2
        the journal of machine 0 is lost
        run 2 starts on machine 0
        run 2 makes key 3
        the lease on key 1 ends
        run 1 opens, and the answer is lost
        run 1 dies
        the lease on key 2 ends
        run 2 opens, and the answer is lost
        """,
    ),
}
"""Each rule: the protocol without it, and the steps, one a line."""
