/* SPDX-License-Identifier: MIT */
#include "clients/cli/quiz.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clients/cli/batch.h"
#include "clients/cli/transport.h"
#include "clients/cli/words.h"

#define PAGE	4096ULL
#define ARENA	0x10000000ULL	/* where all areas of a question lie */
#define ARENA_PAGES 24
#define NR_OPS	8
#define NR_ASKED 5

struct quiz {
	struct batch batch;
	uint64_t seed, state;
	bool answers;		/* -c */
};

/* ---- chance ---- */

/* splitmix64: Steele, Lea, Flood, "Fast splittable pseudorandom number generators". */
static uint64_t next_word(struct quiz *q)
{
	uint64_t z = q->state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

/* A number from 0 to @n - 1. */
static unsigned int pick(struct quiz *q, unsigned int n)
{
	return (unsigned int)(next_word(q) % n);
}

static uint64_t page_at(unsigned int page)
{
	return ARENA + page * PAGE;
}

/* ---- operations ---- */

static const char *word(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static long long number(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static json_t *address(uint64_t addr)
{
	char text[32];

	snprintf(text, sizeof(text), "0x%" PRIx64, addr);
	return json_string(text);
}

static void add_mmap(struct quiz *q, unsigned int page, unsigned int pages,
		     const char *prot)
{
	batch_add(&q->batch, "sys.mmap",
		  json_pack("{s:i, s:o, s:I, s:s, s:s}", "pid", 1, "addr",
			    address(page_at(page)), "len",
			    (json_int_t)(pages * PAGE), "prot", prot, "flags",
			    "MAP_PRIVATE|MAP_ANONYMOUS|MAP_FIXED"));
}

static void add_range(struct quiz *q, const char *method, unsigned int page,
		      unsigned int pages, const char *key, const char *value)
{
	json_t *params = json_pack("{s:i, s:o, s:I}", "pid", 1, "addr",
				   address(page_at(page)), "len",
				   (json_int_t)(pages * PAGE));

	if (key)
		json_object_set_new(params, key, json_string(value));
	batch_add(&q->batch, method, params);
}

static void add_touch(struct quiz *q, int pid, unsigned int page,
		      const char *access)
{
	batch_add(&q->batch, "mem.touch",
		  json_pack("{s:i, s:o, s:s}", "pid", pid, "addr",
			    address(page_at(page)), "access", access));
}

static void add_fork(struct quiz *q)
{
	batch_add(&q->batch, "process.fork", json_pack("{s:i}", "pid", 1));
}

static void add_look(struct quiz *q, const char *method, uint64_t addr)
{
	batch_add(&q->batch, method,
		  json_pack("{s:i, s:o}", "pid", 1, "addr", address(addr)));
}

/* One page of both processes, as pagemap shows it. */
static void add_pagemaps(struct quiz *q, unsigned int page)
{
	for (int pid = 1; pid <= 2; pid++)
		batch_add(&q->batch, "mm.pagemap",
			  json_pack("{s:i, s:o, s:I}", "pid", pid, "addr",
				    address(page_at(page)), "len",
				    (json_int_t)PAGE));
}

/* ---- what a question shows ---- */

/* An operation as a program would write it. */
static void print_op(unsigned int nr, const json_t *op)
{
	const json_t *params = json_object_get(op, "params");
	const char *method = word(op, "method"), *addr = word(params, "addr");
	const long long len = number(params, "len");

	printf("  %2u. ", nr);
	if (!strcmp(method, "sys.mmap"))
		printf("mmap(%s, 0x%llx, %s, %s)", addr, len,
		       word(params, "prot"), word(params, "flags"));
	else if (!strcmp(method, "sys.mprotect"))
		printf("mprotect(%s, 0x%llx, %s)", addr, len,
		       word(params, "prot"));
	else if (!strcmp(method, "sys.munmap"))
		printf("munmap(%s, 0x%llx)", addr, len);
	else if (!strcmp(method, "sys.madvise"))
		printf("madvise(%s, 0x%llx, %s)", addr, len,
		       word(params, "advice"));
	else if (!strcmp(method, "process.fork"))
		printf("fork()");
	else
		printf("process %lld: %s %s", number(params, "pid"),
		       word(params, "access"), addr);
}

/* The results of all that was added; the operations stay in *ops. NULL: no answer. */
static json_t *run(struct quiz *q, json_t **ops)
{
	*ops = json_deep_copy(q->batch.ops);
	return batch_run(&q->batch);
}

/* ---- translate ---- */

#define NR_TOUCHED 6

/* Three areas, of which pages are touched: @touched gets their numbers. */
static void add_areas(struct quiz *q, unsigned int touched[NR_TOUCHED])
{
	static const char *const prots[] = {
		"PROT_READ|PROT_WRITE", "PROT_READ", "PROT_READ|PROT_WRITE",
	};

	for (unsigned int i = 0; i < 3; i++) {
		const unsigned int first = i * 8 + pick(q, 4);

		touched[2 * i] = first + pick(q, 2);
		touched[2 * i + 1] = first + 2 + pick(q, 2);
		add_mmap(q, first, 4, prots[i]);
		add_touch(q, 1, touched[2 * i], i == 1 ? "read" : "write");
		add_touch(q, 1, touched[2 * i + 1], "read");
	}
}

static int by_address(const void *a, const void *b)
{
	const json_t *x = *(json_t *const *)a, *y = *(json_t *const *)b;

	return strcmp(word(x, "entry_at"), word(y, "entry_at"));
}

/* Every entry that a walk met, once, in the order of their addresses. */
static void print_entries(const json_t *walks)
{
	json_t *seen[NR_ASKED * 5], *walk, *level;
	size_t nr = 0, i, j;

	json_array_foreach(walks, i, walk)
		json_array_foreach(json_object_get(walk, "levels"), j, level)
			if (nr < sizeof(seen) / sizeof(seen[0]))
				seen[nr++] = level;
	qsort(seen, nr, sizeof(seen[0]), by_address);
	for (i = 0; i < nr; i++)
		if (!i || by_address(&seen[i - 1], &seen[i]))
			printf("  %s: %s\n", word(seen[i], "entry_at"),
			       word(seen[i], "entry"));
}

static void print_translation(const json_t *walk, uint64_t addr)
{
	const json_t *pfn = json_object_get(walk, "pfn");
	json_t *level;
	size_t i;

	json_array_foreach(json_object_get(walk, "levels"), i, level)
		printf(" %s[%lld]", word(level, "level"), number(level, "index"));
	if (pfn)
		printf(", frame %lld: 0x%llx\n", (long long)json_integer_value(pfn),
		       json_integer_value(pfn) * (long long)PAGE +
			       (long long)(addr % PAGE));
	else
		printf(": the entry is not present, so the access faults\n");
}

static bool ask_translate(struct quiz *q)
{
	uint64_t addr[NR_ASKED];
	unsigned int touched[NR_TOUCHED];
	json_t *ops, *results, *walks = json_array();

	add_areas(q, touched);
	for (int i = 0; i < NR_ASKED; i++) {
		addr[i] = page_at(pick(q, 3) ? touched[pick(q, NR_TOUCHED)]
					     : pick(q, ARENA_PAGES)) +
			  pick(q, PAGE);
		add_look(q, "mm.walk", addr[i]);
	}
	add_look(q, "mm.info", 0);
	json_object_del(json_object_get(json_array_get(q->batch.ops,
			json_array_size(q->batch.ops) - 1), "params"), "addr");
	results = run(q, &ops);
	for (size_t i = 0; results && i < NR_ASKED; i++)
		json_array_append(walks, json_array_get(results, 9 + i));
	if (results) {
		printf("Page tables of four levels, 512 entries each, begin at %s. "
		       "Memory holds:\n\n",
		       word(json_array_get(results, 9 + NR_ASKED), "pgd"));
		print_entries(walks);
		printf("\nWhich physical address is each of these, or does the "
		       "access fault?\n\n");
	}
	for (size_t i = 0; results && i < NR_ASKED; i++) {
		printf("  0x%" PRIx64, addr[i]);
		if (q->answers)
			print_translation(json_array_get(walks, i), addr[i]);
		else
			putchar('\n');
	}
	json_decref(walks);
	json_decref(ops);
	json_decref(results);
	return results != NULL;
}

/* ---- faults ---- */

/* Operations whose faults are asked for: all on four pages of one area. */
static void add_faults(struct quiz *q)
{
	static const char *const accesses[] = { "read", "write" };
	const unsigned int fork_at = 3 + pick(q, 3);
	int processes = 1;

	add_mmap(q, 0, 4, "PROT_READ|PROT_WRITE");
	for (unsigned int i = 0; i < NR_OPS; i++) {
		if (i == fork_at) {
			add_fork(q);
			processes = 2;
		} else if (!pick(q, 6)) {
			add_range(q, "sys.madvise", pick(q, 3), 2, "advice",
				  "MADV_DONTNEED");
		} else {
			add_touch(q, 1 + (int)pick(q, (unsigned int)processes),
				  pick(q, 4), accesses[pick(q, 2)]);
		}
	}
}

static bool ask_faults(struct quiz *q)
{
	json_t *ops, *results, *op;
	size_t i;

	add_faults(q);
	results = run(q, &ops);
	if (results)
		printf("How many page faults does each access take? fork() makes "
		       "process 2.\n\n");
	json_array_foreach(results ? ops : NULL, i, op) {
		const json_t *result = json_array_get(results, i);

		print_op((unsigned int)i + 1, op);
		if (q->answers && json_object_get(result, "minor") &&
		    strcmp(word(op, "method"), "process.fork"))
			printf(": %lld", number(result, "minor"));
		putchar('\n');
	}
	json_decref(ops);
	json_decref(results);
	return results != NULL;
}

/* ---- cow ---- */

/* The frame of the only page of a pagemap; 0: it is not present. */
static long long frame_of(const json_t *pagemap)
{
	return number(json_array_get(json_object_get(pagemap, "pages"), 0), "pfn");
}

/* What a write did, told by the frames of both processes before and after it. */
static void print_write(const json_t *results, size_t at, int pid)
{
	const long long before = frame_of(json_array_get(results, at + pid - 1));
	const long long after =
		frame_of(json_array_get(results, at + 2 + (size_t)pid));
	const long long faults = number(json_array_get(results, at + 2), "minor");

	if (before != after)
		printf(": copied, from frame %lld to %lld", before, after);
	else
		printf(": %s, frame %lld stays",
		       faults ? "a fault, but no copy" : "no fault", after);
}

static bool ask_cow(struct quiz *q)
{
	unsigned int page[NR_OPS];
	json_t *ops, *results;
	int pid[NR_OPS];

	add_mmap(q, 0, 3, "PROT_READ|PROT_WRITE");
	for (unsigned int i = 0; i < 3; i++)
		add_touch(q, 1, i, "write");
	add_fork(q);
	for (size_t i = 0; i < NR_OPS; i++) {
		page[i] = pick(q, 3);
		pid[i] = 1 + (int)pick(q, 2);
		add_pagemaps(q, page[i]);
		add_touch(q, pid[i], page[i], "write");
		add_pagemaps(q, page[i]);
	}
	results = run(q, &ops);
	if (results)
		printf("Process 1 has written three pages at 0x%llx and then called "
		       "fork(). Which of\nthese writes copies its page?\n\n", ARENA);
	for (size_t i = 0; results && i < NR_OPS; i++) {
		print_op((unsigned int)i + 1, json_array_get(ops, 7 + 5 * i));
		if (q->answers)
			print_write(results, 5 + 5 * i, pid[i]);
		putchar('\n');
	}
	json_decref(ops);
	json_decref(results);
	return results != NULL;
}

/* ---- maps ---- */

static void add_map_calls(struct quiz *q)
{
	static const char *const prots[] = {
		"PROT_READ", "PROT_READ|PROT_WRITE", "PROT_NONE",
	};

	add_mmap(q, 2, 12, "PROT_READ|PROT_WRITE");
	for (int i = 1; i < NR_OPS - 1; i++) {
		const unsigned int page = pick(q, 12), pages = 1 + pick(q, 4);

		switch (pick(q, 4)) {
		case 0:
			add_range(q, "sys.munmap", page + 2, pages, NULL, NULL);
			break;
		case 1:
			add_mmap(q, page + 2, pages, prots[pick(q, 3)]);
			break;
		default:
			add_range(q, "sys.mprotect", page + 2, pages, "prot",
				  prots[pick(q, 3)]);
			break;
		}
	}
}

/* The lines of maps that lie in the arena. */
static void print_maps(const char *text)
{
	while (*text) {
		const size_t len = strcspn(text, "\n");
		const uint64_t start = strtoull(text, NULL, 16);

		if (start >= ARENA && start < page_at(ARENA_PAGES))
			printf("  %.*s\n", (int)len, text);
		text += len + (text[len] == '\n');
	}
}

static void print_errno(const json_t *result)
{
	if (*word(result, "errno"))
		printf(" = %s", word(result, "errno"));
}

static bool ask_maps(struct quiz *q)
{
	json_t *ops, *results;
	size_t calls;

	add_map_calls(q);
	calls = json_array_size(q->batch.ops);
	batch_add(&q->batch, "proc.read", json_pack("{s:s}", "path",
						    "/proc/1/maps"));
	results = run(q, &ops);
	if (results)
		printf("Which lines does /proc/1/maps have between 0x%llx and "
		       "0x%" PRIx64 "\nafter these calls, and which calls fail?\n\n",
		       ARENA, page_at(ARENA_PAGES));
	for (size_t i = 0; results && i < calls; i++) {
		print_op((unsigned int)i + 1, json_array_get(ops, i));
		if (q->answers)
			print_errno(json_array_get(results, i));
		putchar('\n');
	}
	if (results && q->answers) {
		putchar('\n');
		print_maps(word(json_array_get(results, calls), "text"));
	}
	json_decref(ops);
	json_decref(results);
	return results != NULL;
}

/* ---- the command ---- */

static const struct kind {
	const char *name;
	bool (*ask)(struct quiz *q);	/* false: the daemon gave no answer */
} kinds[] = {
	{ "translate", ask_translate },
	{ "faults", ask_faults },
	{ "cow", ask_cow },
	{ "maps", ask_maps },
};

#define NR_KINDS (sizeof(kinds) / sizeof(kinds[0]))

static int usage_of_quiz(void)
{
	fprintf(stderr, "usage: mmapctl quiz translate|faults|cow|maps [--seed N] "
			"[-c]\n");
	return CLI_USAGE;
}

/* The kind of that name; NULL having said what is near it. */
static const struct kind *find_kind(const char *name)
{
	struct nearest near = { .typed = name };

	for (size_t i = 0; i < NR_KINDS; i++) {
		if (!strcmp(kinds[i].name, name))
			return &kinds[i];
		nearest_try(&near, kinds[i].name);
	}
	fprintf(stderr, "mmapctl: there is no quiz %s", name);
	if (near.word)
		fprintf(stderr, "; did you mean %s?", near.word);
	fprintf(stderr, "\n");
	return NULL;
}

static bool take_seed(struct quiz *q, const char *text)
{
	char *end;

	q->seed = strtoull(text, &end, 0);
	if (*text >= '0' && *text <= '9' && !*end)
		return true;
	fprintf(stderr, "mmapctl: quiz: the seed must be a number: %s\n", text);
	return false;
}

/* Asks on a machine of its own, which goes away again. */
static int ask_on_machine(struct quiz *q, const char *server,
			  const struct kind *kind)
{
	json_t *machine = ask(server, "machine.create",
			      json_pack("{s:s, s:b}", "ram", "64M", "durable", 0));
	json_t *process;
	int status = CLI_ERROR;

	if (!machine)
		return CLI_ERROR;
	process = ask(server, "process.spawn",
		      json_pack("{s:s, s:s}", "machine", word(machine, "name"),
				"image", "none"));
	batch_init(&q->batch, server, word(machine, "name"));
	if (process) {
		printf("quiz %s, seed %" PRIu64 "\n\n", kind->name, q->seed);
		q->state = q->seed;
		status = kind->ask(q) ? CLI_OK : CLI_ERROR;
	}
	json_decref(process);
	json_decref(ask(server, "machine.destroy",
			json_pack("{s:s}", "machine", word(machine, "name"))));
	batch_free(&q->batch);
	json_decref(machine);
	return status;
}

int quiz_command(const char *server, char **args)
{
	struct quiz q = { .seed = (uint64_t)time(NULL) };
	const struct kind *kind;

	if (!args[0])
		return usage_of_quiz();
	kind = find_kind(args[0]);
	if (!kind)
		return usage_of_quiz();
	while (*++args) {
		if (!strcmp(*args, "-c"))
			q.answers = true;
		else if (strcmp(*args, "--seed") || !args[1])
			return usage_of_quiz();
		else if (!take_seed(&q, *++args))
			return CLI_USAGE;
	}
	return ask_on_machine(&q, server, kind);
}
