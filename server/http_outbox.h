/* SPDX-License-Identifier: MIT */
/* Short answers, on their way together: see the essay in the source. */
#ifndef SERVER_HTTP_OUTBOX_H
#define SERVER_HTTP_OUTBOX_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#define OUTBOX_LETTERS	32		/* at a time; a bit each */
#define OUTBOX_BYTES	1024		/* of an answer, with its head */

struct guard;

struct letter {
	struct guard *from;		/* whose connection it goes out on */
	uint16_t len, sent;
	char bytes[OUTBOX_BYTES];
};

/* One worker's; zero is empty. */
struct outbox {
	uint32_t used;			/* bit i: letters[i] is one */
	struct letter letters[OUTBOX_LETTERS];
};

/**
 * outbox_write - a letter that says what @message says
 * @box:     where to keep it
 * @from:    whose it is
 * @message: is copied
 *
 * Returns: NULL where it is too long or the box is full.
 */
struct letter *outbox_write(struct outbox *box, struct guard *from,
			    const struct msghdr *message);

/**
 * outbox_post - send a letter, or what is left of it
 * @box:    whose
 * @letter: is gone if this succeeds, or if nobody is there to take it
 * @fd:     a socket
 *
 * Returns: false if the client must first take what it was sent before.
 */
bool outbox_post(struct outbox *box, struct letter *letter, int fd);

/* The last that can be done for one whose connection is being closed: it is
 * sent as far as that goes, and gone. */
void outbox_drop(struct outbox *box, struct letter *letter, int fd);

#endif
