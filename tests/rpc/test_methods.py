# SPDX-License-Identifier: MIT
"""Every schema example; every wrong parameter; every error code."""
import unittest

from daemon import Case, described, methods, schema, why_wrong

GOOD = {"machine": "m", "pid": 1}


def wrong_values(param):
    """Values of the wrong type or out of range for a parameter's type."""
    kind = param["type"]
    if kind in ("machine", "new_machine"):
        return [7, "UPPER", "a" * 65, "a/b", None]
    if kind == "pid":
        return [0, -1, (1 << 22) + 1, "x", 1.5, True, []]
    if kind in ("address", "length", "offset"):
        return ["x", 1.5, True, [], "0x10000000000000000", "0xg", "12Q", ""]
    if kind in ("size", "integer", "u32", "u8", "i32", "i64", "pfn"):
        values = ["x", 1.5, True, {}, "99999999999999999999"]
        if "max" in param:
            values.append(str(param["max"] + 1))
        if kind not in ("i32", "i64"):
            values.append(-1)
        return values
    if kind == "flags":
        return ["NO_SUCH_FLAG", "RLIMIT_AS", 1.5, [], True]
    if kind == "limit":
        return ["PROT_READ", 1.5, []]
    if kind == "enum":
        # With "max" the kernel is asked about numbers that have no name.
        return ["no such name", 1.5, param.get("max", 4095) + 1]
    if kind == "bool":
        return [0, "true", None]
    if kind in ("text", "comm", "memfd_name", "bytes"):
        return [7, []]
    if kind == "encoding":
        return ["rot13", 1]
    return []


class Methods(Case):

    def test_every_example_of_the_schema_runs(self):
        setups = schema("setups.json")
        for method in methods():
            self.setUp()
            for step in method["example"]["setup"]:
                self.call(setups[step]["method"], **setups[step]["params"])
            result = self.call(method["name"], **method["example"]["params"])
            self.assertCovers(method["example"]["result"], result, method["name"])
            if "…" not in method["result"]:
                names = described(self.daemon.result_schema(method["name"]), self.daemon.document)
                self.assertLessEqual(set(result), names, method["name"])

    def test_openrpc_describes_parameters_as_the_daemon_takes_them(self):
        setups = schema("setups.json")
        self.daemon.result_schema("rpc.discover")
        root = self.daemon.document
        for method in root["methods"]:
            self.setUp()
            for step in method["x-setup"]:
                self.call(step["method"], **step["params"])
            given = {p["name"]: p["value"] for p in method["examples"][0]["params"]}
            for param in method["params"]:
                known = dict({"default": param["schema"]["default"]}
                             if "default" in param["schema"] else {},
                             **({"example": given[param["name"]]} if param["name"] in given else {}))
                for source, value in known.items():
                    self.assertIsNone(why_wrong(value, param["schema"], root),
                                      f"{method['name']} {source}")
            defaults = {p["name"]: p["schema"]["default"] for p in method["params"]
                        if "default" in p["schema"] and p["name"] not in given}
            if method["name"] == "machine.create":
                del defaults["durable"]        # true where there is a store
            elif method["name"] in ("machine.fork", "machine.revert", "machine.sysctl"):
                defaults = {}                  # given, they choose something
            self.call(method["name"], **given, **defaults)
        self.assertEqual(set(setups), {name for m in methods() for name in m["example"]["setup"]})
        limits = {(m["name"], p["name"]): p["schema"] for m in root["methods"] for p in m["params"]}
        number = limits["sys.mmap", "pid"]["oneOf"][0]
        self.assertEqual((number["minimum"], number["maximum"]), (1, 1 << 22))
        self.assertEqual(limits["mem.fill", "byte"]["oneOf"][0]["maximum"], 255)
        self.assertEqual(limits["sys.memfd_create", "name"], {"type": "string"})
        self.assertEqual(limits["process.spawn", "name"]["maxLength"], 15)

    def test_openrpc_tells_results_from_what_is_none(self):
        self.machine()
        self.daemon.result_schema("mm.maps")
        root = self.daemon.document
        brk = self.call("sys.brk", machine="m", pid=1)
        maps = self.call("mm.maps", machine="m", pid=1)
        fault = self.call("mem.read", machine="m", pid=1, addr=8, len=1)
        refused = self.call("sys.munmap", machine="m", pid=1, addr=1, len=0)
        vma = maps["vmas"][0]
        for method, result, wrong in (
                ("sys.brk", brk, {"ok": 1}), ("sys.brk", brk, {"ret": 7}),
                ("sys.brk", brk, {"ret": "7"}), ("sys.brk", brk, {"ret": "0x07"}),
                ("sys.brk", brk, {"seq": 1 << 53}), ("sys.brk", brk, {"seq": None}),
                ("sys.brk", brk, {"steps": [{"fn": "x"}]}),
                ("sys.munmap", refused, {"errno": 22}), ("sys.munmap", refused, {"ok": None}),
                ("mem.read", fault, {"addr": 8}), ("mem.read", fault, {"ok": True}),
                ("mm.maps", maps, {"vmas": {}}), ("mm.maps", maps, {"vmas": [{}]}),
                ("mm.maps", maps, {"vmas": [dict(vma, flags=[1])]}),
                ("mm.maps", maps, {"vmas": [vma, dict(vma, rss="many")]})):
            of = self.daemon.result_schema(method)
            self.assertIsNone(why_wrong(result, of, root))
            self.assertIsNotNone(why_wrong(dict(result, **wrong), of, root), f"{method} {wrong}")
        for method, result, member in (("sys.brk", brk, "ret"), ("sys.brk", brk, "seq"),
                                       ("sys.munmap", refused, "errno"),
                                       ("mem.read", fault, "code"), ("mm.maps", maps, "vmas")):
            less = {k: v for k, v in result.items() if k != member}
            self.assertIsNotNone(why_wrong(less, self.daemon.result_schema(method), root), method)

    def test_positional_parameters_stand_in_the_order_of_the_schema(self):
        self.machine()
        _, answer = self.daemon.post(
            {"jsonrpc": "2.0", "id": 1, "method": "sys.mmap",
             "params": ["m", 1, 0, 4096, 3, 0x22]})
        self.assertTrue(answer["result"]["ok"])

    def test_every_wrong_parameter_is_named_and_changes_nothing(self):
        self.machine()
        digest = self.call("machine.digest", machine="m")
        for method in methods():
            known = {p["name"] for p in method["params"]}
            base = dict(method["example"]["params"])
            base.update({k: v for k, v in GOOD.items() if k in known})
            data = self.refused(-32602, method["name"], **dict(base, no_such_parameter=1))
            self.assertEqual(data["param"], "no_such_parameter")
            for param in method["params"]:
                if "default" not in param:
                    lacking = {k: v for k, v in base.items() if k != param["name"]}
                    data = self.refused(-32602, method["name"], **lacking)
                    self.assertEqual(data["param"], param["name"], method["name"])
                for value in wrong_values(param):
                    data = self.refused(-32602, method["name"],
                                        **dict(base, **{param["name"]: value}))
                    self.assertEqual(data["param"], param["name"],
                                     f"{method['name']} {value!r}")
                    self.assertTrue(data["why"])
        self.assertEqual(self.call("machine.digest", machine="m"), digest)
        self.assertEqual(len(self.call("machine.list")["machines"]), 1)

    def test_what_does_not_exist_has_its_own_code(self):
        self.machine()
        for method in methods():
            known = {p["name"] for p in method["params"]}
            base = method["example"]["params"]
            if "machine" in known:
                self.refused(-32001, method["name"], **dict(base, machine="nobody"))
            if "pid" in known:
                self.refused(-32002, method["name"], **dict(base, machine="m", pid=99))
        self.refused(-32601, "no.such.method")
        self.refused(-32003, "machine.create", name="m")
        self.refused(-32006, "machine.revert", machine="m", snapshot="nothing")
        self.refused(-32006, "page.info", machine="m", pfn=1 << 30)
        self.refused(-32006, "proc.read", machine="m", path="/proc/77/maps")
        self.refused(-32602, "machine.create", name="d", durable=True)
        self.refused(-32602, "machine.create", name="d", arch="alpha")
        self.refused(-32602, "process.spawn", machine="m", image="emacs")
        self.refused(-32602, "process.spawn", machine="m", rlimits={"RLIMIT_X": 1})
        self.refused(-32602, "process.spawn", machine="m", rlimits={"RLIMIT_AS": "much"})

    def test_each_architecture_has_its_own_tables_and_addresses(self):
        known = {
            "x86_64": ("pgd pud pmd pte", 0x7ffff7fff000, 0x7ffffffff000),
            "x86_64-la57": ("pgd p4d pud pmd pte", 0x7ffff7fff000, 0x7ffffffff000),
            "i386": ("pgd pte", 0xb8000000, 0xc0000000),
            "i386-pae": ("pgd pmd pte", 0xb8000000, 0xc0000000),
            "riscv64-sv39": ("pgd pmd pte", 0x3ff8000000, 0x4000000000),
        }
        for arch, (levels, base, top) in known.items():
            with self.subTest(arch):
                name = arch.replace("_", "-")
                self.assertEqual(self.call("machine.create", name=name, ram="64M",
                                           arch=arch)["arch"], arch)
                self.assertEqual(self.call("machine.info", machine=name)["arch"], arch)
                self.call("process.spawn", machine=name)
                info = self.call("mm.info", machine=name, pid=1)
                self.assertEqual(int(info["mmap_base"], 16), base)
                maps = self.call("mm.maps", machine=name, pid=1)["vmas"]
                self.assertEqual(int(maps[-1]["end"], 16), top)
                at = self.call("sys.mmap", machine=name, pid=1, len="8K", prot="PROT_READ|PROT_WRITE",
                               flags="MAP_PRIVATE|MAP_ANONYMOUS")["ret"]
                self.call("mem.write", machine=name, pid=1, addr=at, data="hello")
                walk = self.call("mm.walk", machine=name, pid=1, addr=at)
                self.assertEqual(" ".join(l["level"] for l in walk["levels"]), levels)
                self.assertEqual(set(walk["levels"][-1]["flags"]),
                                 set("VRWUAD") if arch.startswith("riscv")
                                 else {"P", "RW", "US", "A", "D"} | ({"NX"} if arch != "i386" else set()))
                self.assertTrue(self.call("machine.check", machine=name)["ok"])

    def test_high_water_marks_are_never_below_what_is(self):
        self.machine()
        self.call("process.spawn", machine="m")
        at = self.call("sys.mmap", machine="m", pid=1, len="64K", prot="PROT_READ|PROT_WRITE",
                       flags="MAP_PRIVATE|MAP_ANONYMOUS")["ret"]
        before = self.call("mm.info", machine="m", pid=1)
        self.call("mem.touch", machine="m", pid=1, addr=at, len="64K", access="write")
        full = self.call("mm.info", machine="m", pid=1)
        self.assertEqual(full["_anon_rss"], before["_anon_rss"] + 16)
        self.assertEqual(full["hiwater_rss"], before["hiwater_rss"] + 16)
        self.assertEqual(full["hiwater_vm"], full["total_vm"])
        self.call("sys.munmap", machine="m", pid=1, addr=at, len="64K")
        after = self.call("mm.info", machine="m", pid=1)
        self.assertEqual(after["_anon_rss"], before["_anon_rss"])
        for mark in ("hiwater_rss", "hiwater_vm"):
            self.assertEqual(after[mark], full[mark])

    def test_a_32_bit_machine_takes_32_bit_words(self):
        self.machine(arch="i386")
        anon = {"len": 4096, "prot": "PROT_READ|PROT_WRITE", "flags": "MAP_PRIVATE|MAP_ANONYMOUS"}
        digest = self.call("machine.digest", machine="m")
        for method, params, param in (
                ("sys.mmap", dict(anon, addr=1 << 32), "addr"),
                ("sys.mmap", dict(anon, len="4G"), "len"),
                ("sys.munmap", {"addr": "0x7ffff7ff5000", "len": 1}, "addr"),
                ("mem.read", {"addr": 1 << 40, "len": 1}, "addr"),
                ("sys.mmap2", dict(anon, pgoff=1 << 32), "pgoff"),
                ("sys.read", {"fd": 0, "count": 1, "buf": 1 << 32}, "buf"),
                ("sys.process_vm_readv", {"remote_pid": 1, "local": [{"base": 0, "len": 1}],
                                          "remote": [{"base": 1 << 32, "len": 1}]}, "remote"),
                ("mm.walk", {"addr": 1 << 32}, "addr"),
                ("mm.pagemap", {"addr": 1 << 32, "len": 1}, "addr")):
            data = self.refused(-32602, method, machine="m", pid=1, **params)
            self.assertEqual(data["param"], param, method)
        self.assertEqual(self.call("machine.digest", machine="m"), digest)
        # -1 and its kind are 32 bits wide here; offsets in files have 64 everywhere
        self.assertEqual(self.call("sys.mprotect", machine="m", pid=1, addr=-4096, len=8192,
                                   prot="PROT_READ")["errno"], "ENOMEM")
        self.assertEqual(self.call("sys.access_ok", machine="m", pid=1, addr=-1, size=1)["ret"], 0)
        fd = self.call("sys.memfd_create", machine="m", pid=1, name="m")["ret"]
        self.assertTrue(self.call("sys.pwrite", machine="m", pid=1, fd=fd, data="x", offset=1 << 40)["ok"])
        ops = self.call("machine.history", machine="m", since=0)["ops"]
        self.assertEqual([o["params"]["addr"] for o in ops if o["method"] == "sys.mprotect"],
                         ["0xfffff000"])
        self.assertTrue(self.call("machine.check", machine="m")["ok"])

    def test_an_architecture_bounds_the_ram(self):
        for arch, most, more in (("i386", "4G", "4100M"), ("i386-pae", "48G", "64G"),
                                 ("riscv64-sv39", "128G", "129G")):
            data = self.refused(-32602, "machine.create", name="big", arch=arch, ram=more)
            self.assertEqual(data["param"], "ram")
            self.call("machine.create", name="big", arch=arch, ram=most)
            self.assertTrue(self.call("machine.check", machine="big")["ok"])
            self.call("machine.destroy", machine="big")

    def test_what_is_called_refused_is_refused_as_said(self):
        setups = schema("setups.json")
        described = {m["name"]: m for m in methods()}
        refused = [(call["method"], flag) for call in
                   self.call("server.capabilities")["calls"]
                   for flag in call["flags"] if flag["level"] == "refused"]
        self.assertTrue(refused)
        for name, flag in refused:
            self.setUp()
            example = described[name]["example"]
            for step in example["setup"]:
                self.call(setups[step]["method"], **setups[step]["params"])
            params = dict(example["params"], **{flag["param"]: flag["name"]})
            result = self.call(name, **params)
            self.assertEqual(result["errno"], flag["note"].split(":")[0],
                             f"{name} {flag['name']}")

    def test_numbers_that_have_no_name_are_the_kernel_s_to_judge(self):
        self.machine()
        at = {"addr": "0x404000", "len": 4096}
        for method, params in (("sys.setrlimit", {"resource": 99, "soft": 1, "hard": 1}),
                               ("sys.setrlimit", {"resource": -1, "soft": 1, "hard": 1}),
                               ("sys.madvise", dict(at, advice=-1)),
                               ("sys.madvise", dict(at, advice="-1")),
                               ("sys.madvise", dict(at, advice=1 << 31)),
                               ("sys.fcntl", {"fd": 0, "cmd": 12345}),
                               ("sys.lseek", {"fd": 0, "offset": 0, "whence": 9}),
                               ("sys.memfd_create", {"name": "n" * 250}),
                               ("sys.memfd_create", {"name": "n" * 256}),
                               ("sys.memfd_create", {"name": "é" * 1000})):
            self.assertEqual(self.call(method, machine="m", pid=1, **params).get("errno"),
                             "EINVAL", f"{method} {params}")
        self.assertEqual(self.call("sys.memfd_create", machine="m", pid=1, name="n" * 249)["ret"], 3)
        for value in (-(1 << 31) - 1, 1 << 32, "MADV_NONE"):
            data = self.refused(-32602, "sys.madvise", machine="m", pid=1, advice=value, **at)
            self.assertEqual(data["param"], "advice")
        name = self.call("machine.history", machine="m", since=10)["ops"][-2]["params"]["name"]
        self.assertEqual(name, "é" * 127)

    def test_a_file_path_is_absolute_and_shown_as_it_is(self):
        self.call("machine.create", name="m", ram="64M")
        self.call("file.create", machine="m", path="//a//x", data="hello")
        for method in "file.create", "file.info", "file.pages":
            for path in "zz", "", "./x", "x/":
                data = self.refused(-32602, method, machine="m", path=path)
                self.assertEqual(data["param"], "path", f"{method} {path!r}")
        for path in "/a/x", "//a/x", "/./a/x", "/a/../a/./x", "/../a/x":
            self.assertEqual(self.call("file.info", machine="m", path=path)["path"], "/a/x")
        for path in "/", "//", "/.", "/..", "/a/..":
            self.assertEqual(self.call("file.info", machine="m", path=path)["path"], "/")
        for path in "/a", "/a/", "/a/.":
            self.assertEqual(self.call("file.info", machine="m", path=path)["path"], "/a")

    def test_what_a_machine_does_not_have_is_refused_when_it_is_made(self):
        for param, value in (("swap", "1M"), ("hugepages", 1), ("aslr", True)):
            data = self.refused(-32602, "machine.create", name="m", **{param: value})
            self.assertEqual((data["param"], data["why"]),
                             (param, "is not available in this version"))
        self.call("machine.create", name="m", swap=0, overcommit_ratio=150)
        self.assertEqual(self.call("machine.sysctl", machine="m",
                                   name="vm.overcommit_ratio")["value"], 150)
        self.refused(-32602, "machine.create", name="n", overcommit_ratio=1 << 31)

    def test_limits_are_errors_that_say_so(self):
        self.machine()
        self.refused(-32004, "machine.run", machine="m",
                     ops=[{"method": "sys.brk", "params": {"pid": 1}}] * 10001)
        _, answer = self.daemon.post([{"jsonrpc": "2.0", "method": "server.info"}] * 10001)
        self.assertEqual(answer["error"]["code"], -32004)
        self.call("machine.create", name="big", ram="1T")
        self.call("process.spawn", machine="big")
        at = self.call("sys.mmap", machine="big", pid=1, len="100G", prot=3,
                       flags="MAP_PRIVATE|MAP_ANONYMOUS|MAP_NORESERVE")["ret"]
        digest = self.call("machine.digest", machine="big")
        self.refused(-32004, "mem.fill", machine="big", pid=1, addr=at, len="100G", byte=1)
        self.refused(-32004, "sys.mlock", machine="big", pid=1, addr=at, len="20G")
        for flag in ("MAP_POPULATE", "MAP_LOCKED"):
            self.refused(-32004, "sys.mmap", machine="big", pid=1, len="20G", prot=3,
                         flags="MAP_PRIVATE|MAP_ANONYMOUS|" + flag)
        self.assertEqual(self.call("machine.digest", machine="big"), digest)

    def test_bad_files_and_images_change_nothing(self):
        """A short file, offsets past its end, other people's descriptors, lengths below
        zero, paths with dots, images that are none: an errno or an error, nothing else."""
        self.machine()
        self.call("file.create", machine="m", path="/d/short", data="hello")
        fd = self.call("sys.open", machine="m", pid=1, path="/d/short", flags="O_RDWR")["ret"]
        other = self.call("process.spawn", machine="m")["pid"]
        segment = {"vaddr": 0x400000, "offset": 0, "filesz": 64, "memsz": 64, "prot": 5}
        image = {"path": "/d/short", "segments": [segment], "entry": 0x400000}

        def with_segment(**changed):
            return dict(image, segments=[dict(segment, **changed)])

        digest = self.call("machine.digest", machine="m")["digest"]
        for errno, method, params in (
                ("EBADF", "sys.read", {"pid": other, "fd": fd, "count": 1}),
                ("EBADF", "sys.mmap", {"pid": other, "len": 4096, "prot": 1,
                                       "flags": "MAP_PRIVATE", "fd": fd}),
                ("EINVAL", "sys.ftruncate", {"pid": 1, "fd": fd, "len": -1}),
                ("EINVAL", "sys.pread", {"pid": 1, "fd": fd, "count": 1, "offset": -1}),
                ("EINVAL", "sys.lseek", {"pid": 1, "fd": fd, "offset": -1, "whence": 0}),
                ("EFBIG", "sys.ftruncate", {"pid": 1, "fd": fd, "len": (1 << 63) - 1}),
                ("EOVERFLOW", "sys.mmap", {"pid": 1, "len": 4096, "prot": 1, "fd": fd,
                                           "flags": "MAP_PRIVATE", "offset": -4096}),
                ("ENOENT", "sys.open", {"pid": 1, "path": "/d/../../x", "flags": "O_RDONLY"}),
                ("ENOENT", "sys.open", {"pid": 1, "path": "", "flags": "O_RDONLY"}),
                ("ENOTDIR", "sys.open", {"pid": 1, "path": "/d/short/..", "flags": "O_RDONLY"}),
                ("ENAMETOOLONG", "sys.open", {"pid": 1, "path": "/" + "a" * 256,
                                              "flags": "O_RDONLY"}),
                ("ENOMEM", "file.create", {"path": "/big", "size": "900M", "cached": True})):
            r = self.call(method, machine="m", **params)
            self.assertEqual((r["ok"], r["errno"]), (False, errno), (method, params))
            self.assertTrue(r["why"])
        for params in ({"fd": fd, "count": 5, "offset": 5}, {"fd": fd, "count": 0, "offset": 0}):
            self.assertEqual(self.call("sys.pread", machine="m", pid=1, **params)["data"], "")
        for bad in ("/bin/sh", 7, [], {}, {"path": "/d/short"}, dict(image, segments=[]),
                    dict(image, segments=[7]), dict(image, path="d/short"),
                    dict(image, nonsense=1), with_segment(prot=0x1000), with_segment(prot="PROT"),
                    with_segment(vaddr="high"), with_segment(align=-1)):
            data = self.refused(-32602, "process.exec", machine="m", pid=1, image=bad)
            self.assertEqual(data["param"], "image", bad)
        self.assertEqual(self.call("machine.digest", machine="m")["digest"], digest)
        r = self.call("mem.read", machine="m", pid=1, len=1, addr=self.call(
            "sys.mmap", machine="m", pid=1, len=8192, prot=1, flags="MAP_PRIVATE", fd=fd)["ret"])
        self.assertTrue(r["ok"])

    def test_bytes_come_from_the_request_or_from_memory(self):
        self.machine()
        fd = self.call("sys.memfd_create", machine="m", pid=1, name="f")["ret"]
        digest = self.call("machine.digest", machine="m")
        for method, offset in (("sys.write", {}), ("sys.pwrite", {"offset": 0})):
            base = dict(offset, machine="m", pid=1, fd=fd)
            for lacking, params in (("data", {}), ("data", {"count": 4}),
                                    ("data", {"data": "x", "buf": 4096}),
                                    ("data", {"data": "x", "count": 1}),
                                    ("count", {"buf": "0x404000"})):
                data = self.refused(-32602, method, **dict(base, **params))
                self.assertEqual(data["param"], lacking)
        self.assertEqual(self.call("machine.digest", machine="m"), digest)
        for buf in (-1, "0xffffffffffffffff", -2):
            r = self.call("sys.pwrite", machine="m", pid=1, fd=fd, offset=0, buf=buf, count=1)
            self.assertEqual(r["errno"], "EFAULT")
        self.assertEqual(self.call("sys.pwrite", machine="m", pid=1, fd=fd, offset=0,
                                   data="")["ret"], 0)
        self.assertEqual(self.call("sys.pwrite", machine="m", pid=1, fd=fd, offset=0,
                                   buf=None, data="abc")["ret"], 3)
        self.assertEqual(self.call("sys.pread", machine="m", pid=1, fd=fd, offset=0, count=3,
                                   buf=None, encoding="utf8")["data"], "abc")

    def test_a_descriptor_shows_what_is_sealed_of_its_memfd(self):
        def seals(fd):
            fds = self.call("process.info", machine="m", pid=1)["fds"]
            return next(f.get("seals") for f in fds if f["fd"] == fd)

        self.machine()
        plain, sealed = (self.call("sys.memfd_create", machine="m", pid=1, name="f",
                                   flags=flags)["ret"] for flags in (0, "MFD_ALLOW_SEALING"))
        self.assertEqual((seals(plain), seals(sealed)), (["F_SEAL_SEAL"], []))
        self.call("sys.fcntl", machine="m", pid=1, fd=sealed, cmd="F_ADD_SEALS",
                  arg="F_SEAL_WRITE|F_SEAL_FUTURE_WRITE|F_SEAL_GROW")
        self.assertEqual(seals(sealed), ["F_SEAL_GROW", "F_SEAL_WRITE", "F_SEAL_FUTURE_WRITE"])
        answer = self.call("sys.write", machine="m", pid=1, fd=sealed, data="x")
        self.assertEqual((answer["errno"], answer["why"]),
                         ("EPERM", "the memfd is sealed against writing"))
        self.assertIsNone(seals(self.call("sys.pipe", machine="m", pid=1)["fds"][0]))

    def test_what_is_not_given_may_be_null_by_position(self):
        self.machine()
        fd = self.call("sys.memfd_create", machine="m", pid=1, name="f")["ret"]
        self.call("sys.write", machine="m", pid=1, fd=fd, data="abcdef")
        ends = self.call("sys.pipe", machine="m", pid=1)["fds"]
        _, answer = self.daemon.post(
            {"jsonrpc": "2.0", "id": 1, "method": "sys.splice",
             "params": ["m", 1, fd, 2, ends[1], None, 3]})
        self.assertEqual((answer["result"]["ret"], answer["result"]["off_in"]), (3, 5))
        self.refused(-32602, "sys.splice", machine="m", pid=1, fd_in=fd, fd_out=ends[1],
                     len=None)
        for method in methods():
            for param in method["params"]:
                if param.get("default", 0) is None and "absent" in param:
                    published = next(p for m in self.call("rpc.discover")["methods"]
                                     if m["name"] == method["name"]
                                     for p in m["params"] if p["name"] == param["name"])
                    self.assertIn({"type": "null"}, published["schema"]["oneOf"])

    def test_values_go_in_and_come_out_as_promised(self):
        self.machine()
        for length in (4096, "4096", "0x1000", "4K"):
            r = self.call("sys.mmap", machine="m", pid=1, len=length, prot="PROT_READ|2",
                          flags="MAP_PRIVATE|0x20")
            self.assertRegex(r["ret"], "^0x[1-9a-f][0-9a-f]*$")
            self.assertEqual(self.call("sys.munmap", machine="m", pid=1, addr=r["ret"],
                                       len=4096)["ret"], 0)
        data = self.refused(-32602, "file.create", machine="m", path="/f", mode="0644")
        self.assertIn("octal", data["why"])
        for addr in (-4096, "0xfffffffffffff000"):
            r = self.call("sys.munmap", machine="m", pid=1, addr=addr, len=4096)
            self.assertEqual((r["ok"], r["ret"], r["errno"]), (False, -22, "EINVAL"))
            self.assertTrue(r["why"])
        for data, encoding in (("hé", "utf8"), ("68c3a9", "hex"), ("aMOp", "base64")):
            r = self.call("mem.write", machine="m", pid=1, addr="0x404000", data=data,
                          encoding=encoding)
            self.assertEqual(r["done"], 3)
            r = self.call("mem.read", machine="m", pid=1, addr="0x404000", len=3,
                          encoding=encoding)
            self.assertEqual(r["data"], data)
        self.call("mem.write", machine="m", pid=1, addr="0x404000", data="a\0b")
        r = self.call("mem.read", machine="m", pid=1, addr="0x404000", len=3, encoding="hex")
        self.assertEqual(r["data"], "610062")
        r = self.call("mem.read", machine="m", pid=1, addr=8, len=1)
        self.assertEqual((r["ok"], r["signal"], r["code"], r["addr"]),
                         (False, "SIGSEGV", "SEGV_MAPERR", "0x8"))


if __name__ == "__main__":
    unittest.main()
