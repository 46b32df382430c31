"""gdb commands for the Bident kernel. Loaded by tools/debug; read-only, they work wherever the kernel stands."""

import os
import time

import gdb

DIRECT_MAP = 0xFFFF888000000000
ADDRESS_BITS = 0x000FFFFFFFFFF000
STATES = {0: "running", 1: "sleeping", 2: "sleeping (uninterruptible)", 4: "stopped", 8: "sleeping (killable)",
          32: "dead"}


def task_type():
    return gdb.lookup_type("struct task")


def tasks():
    """Every task, by its number: from the idle task down to the children of each, and their threads."""
    found, todo = [], [gdb.parse_and_eval("&init_task").dereference()]
    while todo:
        task = todo.pop()
        found.append(task)
        for name in ("children", "zombies", "jobs"):
            todo += list_entries(task[name].address, "struct task", "sibling")
        if task["signal"] != 0 and task["group_leader"] == task.address:
            todo += [thread for thread in list_entries(task["signal"]["threads"].address, "struct task", "thread_node")
                     if thread.address != task.address]
    return sorted(found, key=lambda task: int(task["pid_nr"]))


def list_entries(head, type_name, member):
    struct = gdb.lookup_type(type_name)
    offset = next(field.bitpos // 8 for field in struct.fields() if field.name == member)
    node = head["next"]
    while node != head:
        address = int(node) - offset
        yield gdb.Value(address).cast(struct.pointer()).dereference()
        node = node["next"]


def find(pid):
    for task in tasks():
        if int(task["pid_nr"]) == pid:
            return task
    raise gdb.GdbError(f"there is no task {pid}")


def read_entry(address):
    data = gdb.selected_inferior().read_memory(address, 8)
    return int.from_bytes(bytes(data), "little")


class Connect(gdb.Command):
    """bident-connect SOCKET: attach to QEMU, which may need a moment to open it."""

    def __init__(self):
        super().__init__("bident-connect", gdb.COMMAND_RUNNING)

    def invoke(self, argument, from_tty):
        for _ in range(100):
            if os.path.exists(argument):
                break
            time.sleep(0.05)
        gdb.execute(f"target remote {argument}")


class Ps(gdb.Command):
    """bident-ps: all tasks."""

    def __init__(self):
        super().__init__("bident-ps", gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        print(f"{'PID':>6} {'TGID':>6} {'PPID':>6} {'PRIO':>4} {'TASK':18} {'STATE':28} COMMAND")
        for task in tasks():
            state = int(task["state"])
            print(f"{int(task['pid_nr']):6} {int(task['tgid_nr']):6} {int(task['real_parent']['tgid_nr']):6} "
                  f"{int(task['prio']):4} {int(task.address):#018x} {STATES.get(state, hex(state)):28} "
                  f"{task['comm'].string()}")


class Current(gdb.Command):
    """bident-current: the task whose kernel stack is in use."""

    def __init__(self):
        super().__init__("bident-current", gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        stack = int(gdb.parse_and_eval("$rsp"))
        for task in tasks():
            base = int(task["stack"])
            if base <= stack < base + 16384:
                print(f"task {int(task['pid_nr'])} ({task['comm'].string()}), "
                      f"{base + 16384 - stack} bytes of its kernel stack in use")
                return
        print("no task's stack: user mode, or too early")


class PageTables(gdb.Command):
    """bident-pt PID: the user half of a task's page tables, neighbouring pages together."""

    def __init__(self):
        super().__init__("bident-pt", gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        if not argument.strip().isdigit():
            raise gdb.GdbError("usage: bident-pt PID")
        mm = find(int(argument))["mm"]
        if mm == 0:
            raise gdb.GdbError("that task has no address space of its own")
        self._walk(int(mm["root"]), 4, 0)

    def _walk(self, table, level, base):
        run = None
        for index in range(256 if level == 4 else 512):
            entry = read_entry(table + 8 * index)
            if not entry & 1:
                continue
            address = base | index << (12 + 9 * (level - 1))
            if level > 1:
                print(f"{'  ' * (4 - level)}level {level} [{index}] {address:#014x} -> {entry & ADDRESS_BITS:#x} "
                      f"{'owned' if entry & 2 else 'read-only'}")
                self._walk((entry & ADDRESS_BITS) + DIRECT_MAP, level - 1, address)
                continue
            rights = f"r{'w' if entry & 2 else '-'}{'-' if entry >> 63 else 'x'}"
            if run and run[1] == address and run[2] == rights:
                run[1] += 4096
                continue
            self._print(run)
            run = [address, address + 4096, rights]
        self._print(run)

    @staticmethod
    def _print(run):
        if run:
            print(f"      {run[0]:#014x}-{run[1]:#014x} {run[2]} {(run[1] - run[0]) // 4096} pages")


Connect()
Ps()
Current()
PageTables()
