"""What a fork costs must not depend on how much memory the parent has."""

import re

from bident import initramfs


def cost(guest, share, mib):
    """Of one fork of a fresh puppet with that much memory touched: (tables copied, instructions in do_fork)."""
    guest.ok(f"set fork.share {share}")
    child, _ = guest.fork()
    guest.ok(f"{child}: touch {mib}", timeout=600)
    results = []
    for _ in range(5):  # a timer's tick may come in between: the least is what the fork itself costs
        grandchild, text = guest.fork(f"{child}: fork")
        tables = int(re.search(r"tables: \d+ shared, (\d+) copied", text)[1])
        results.append((tables, int(re.search(r"do_fork took (\d+) cycles", text)[1])))
        guest.ok(f"{grandchild}: exit 0")
        guest.ok(f"{child}: wait")
    guest.command(f"{child}: exit 0")
    guest.ok("wait")
    return min(results)


def test_fork_of_a_gigabyte(boot):
    guest = boot(memory="2G", icount=True)
    table = {share: (cost(guest, share, 1), cost(guest, share, 1024)) for share in ("pages", "tables", "tree")}
    for share, (small, large) in table.items():
        print(f"fork.share={share:7} 1 MiB: {small[0]:4} tables copied, {small[1]:9} instructions; "
              f"1 GiB: {large[0]:4} tables copied, {large[1]:9} instructions")
    small, large = table["tree"]
    assert large[0] == small[0]
    assert abs(large[1] - small[1]) <= 0.05 * small[1]
    # The classic way copies a page table for every 2 MiB.
    assert table["pages"][1][0] >= 512
    assert table["pages"][1][1] > 20 * large[1]


def test_from_the_loader_to_the_prompt(boot):
    """Instructions, all that is done on the way: memory, clocks, initramfs (what tools/run puts there, not the tests), the first puppet."""
    guest = boot(initramfs.standard_tree(), memory="2G", icount=True, cpu="max,-erms")
    cycles = int(re.search(r"shell: ready (\d+) cycles after the loader", guest.ok("dmesg"))[1])
    assert 1_000_000 < cycles <= 20_000_000
