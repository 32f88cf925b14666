# SPDX-License-Identifier: MIT
"""Commands as people mistype them: the words, the exit status, and what must be said.

-m m stands before each, but where the words begin with "-" already. The machine m has
process 1.
"""

MISTYPED = [
    # a command or a method that is nearly right
    ("creat x", 2, "did you mean create?"),
    ("crate x", 2, "did you mean create?"),
    ("lss", 2, "did you mean ls?"),
    ("spwan", 2, "did you mean spawn?"),
    ("mpas 1", 2, "did you mean maps?"),
    ("wlak 1 0", 2, "did you mean walk?"),
    ("recrod -- ls", 2, "did you mean record?"),
    ("repaly x", 2, "did you mean replay?"),
    ("gradee x", 2, "did you mean grade?"),
    ("wacth", 2, "did you mean watch?"),
    ("hlep", 2, "did you mean help?"),
    ("completoin", 2, "did you mean completion?"),
    ("mumap 1 0 4096", 2, "did you mean munmap?"),
    ("mprotekt 1 0 4096 1", 2, "did you mean mprotect?"),
    ("Mmap 1", 2, "did you mean mmap?"),
    ("sys.mmpa 1", 2, "did you mean sys.mmap?"),
    ("sys.memfd", 2, "did you mean sys.memfd_create?"),
    ("sys.maps 1", 2, "did you mean sys.mmap?"),
    ("mem.toutch 1 0", 2, "did you mean mem.touch?"),
    ("machine.snapsho", 2, "did you mean machine.snapshot?"),
    ("machine.lst", 2, "did you mean machine.list?"),
    ("proces.list", 2, "did you mean process.list?"),
    ("ram.budy", 2, "did you mean ram.buddy?"),
    ("page.rmpa 1", 2, "did you mean page.rmap?"),
    ("mm.page_map 1 0 4096", 2, "did you mean mm.pagemap?"),
    ("help mmpa", 2, "did you mean mmap?"),
    ("help machine.ifno", 2, "did you mean machine.info?"),
    ("munmap_all", 2, "there is no command munmap_all"),
    ("xyzzy", 2, "Try: mmapctl help"),
    # a name that several methods end in
    ("info", 2, "machine.info, mm.info"),
    ("list", 2, "file.list"),
    # a parameter that is nearly right
    ("mmap pdi=1", 2, "did you mean pid?"),
    ("mmap 1 0 lenght=4K", 2, "did you mean len?"),
    ("mmap 1 0 4K flgs=2", 2, "did you mean flags?"),
    ("mmap 1 0 4K port=1", 2, "did you mean prot?"),
    ("mremap 1 old_length=4K", 2, "did you mean old_len?"),
    ("mem.touch 1 0 acces=write", 2, "did you mean access?"),
    ("munmap 1 adr=0", 2, "did you mean addr?"),
    ("create x ramm=64M", 2, "did you mean ram?"),
    ("create x overcomit_memory=2", 2, "did you mean overcommit_memory?"),
    ("mmap colour=red", 2, "Try: mmapctl help sys.mmap"),
    # too many, twice, too few
    ("close 1 3 4 5 6 7", 2, "sys.close takes no more parameters"),
    ("close 1 pid=1", 2, "pid is given twice"),
    ("close 1", 3, "fd: is required"),
    # an option that is none, or lacks its value
    ("ls --jsn", 2, "did you mean --json?"),
    ("ls --sever http://x", 2, "did you mean --server?"),
    ("--machin m ls", 2, "did you mean --machine?"),
    ("ls -m", 2, "--machine needs a value"),
    # no machine
    ("-j maps 1", 3, "-m NAME or MMAPD_MACHINE"),
    ("-j sys.brk", 2, "needs a machine: -m NAME"),
    ("-j brk 1", 3, 'the machine was taken to be "1"'),
    # values
    ("mmap one 0 4K 1 2", 3, "pid"),
    ("maps one", 3, "pid"),
    ("rm nobody extra", 2, "takes no more parameters"),
]
