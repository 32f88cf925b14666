/* SPDX-License-Identifier: MIT */
/*
 * Why answers wait for each other
 * -------------------------------
 *
 * A loop's turn serves all connections on which a request has come, one after
 * the other. If each answer is sent at once, the first one wakes its client,
 * who may well run on this very core: the kernel stops us in favour of whoever
 * has slept, the client reads its answer, asks again, sleeps, and we go on with
 * the second. Or it runs on another core, and is woken, put to sleep and woken
 * again by every answer. Either way each request pays for two changes of task,
 * a fifth of all it costs.
 *
 * So a short answer is written into this box instead of being sent, and at the
 * end of the turn all of them are posted in one go. Nothing is lost where
 * there is but one client: its turn has one answer, which is posted next. Where
 * there are many, the first of them waits for the others to be computed, no
 * more than OUTBOX_LETTERS of them: a full box is posted in mid-turn.
 *
 * The library knows nothing of this. It calls sendmsg(), which is ours, as
 * recv() is (http_guard.c), and is told that everything has been sent. What
 * makes that true enough:
 *
 * - A connection has one letter at most, and nothing else goes out on it before
 *   that letter: later answers find it and post it first.
 * - While it has one, nothing is read from it either. So the library does not
 *   learn of a client's end, and does not close, while an answer is here.
 * - Only answers wait after which the connection goes on, as the request's head
 *   says and ours does: the library shuts the others down when it has sent.
 * - A client that takes nothing fills its socket, and its letter stays here.
 *   Then the library is told "not now" when it reads or writes, and told when
 *   that has changed; the guard ends the connection if it never does.
 *
 * If sendmsg() should ever not be ours, answers leave as the library sends them.
 */
#include "server/http_outbox.h"

#include <errno.h>
#include <string.h>

static size_t length_of(const struct msghdr *message)
{
	size_t len = 0;

	for (size_t i = 0; i < message->msg_iovlen; i++)
		len += message->msg_iov[i].iov_len;
	return len;
}

struct letter *outbox_write(struct outbox *box, struct guard *from,
			    const struct msghdr *message)
{
	unsigned int i = (unsigned int)__builtin_ffs((int)~box->used);
	struct letter *letter;

	if (!i || length_of(message) > OUTBOX_BYTES)
		return NULL;
	box->used |= 1U << (i - 1);
	letter = &box->letters[i - 1];
	letter->from = from;
	letter->len = letter->sent = 0;
	for (size_t k = 0; k < message->msg_iovlen; k++) {
		const struct iovec *part = &message->msg_iov[k];

		memcpy(letter->bytes + letter->len, part->iov_base,
		       part->iov_len);
		letter->len += (uint16_t)part->iov_len;
	}
	return letter;
}

static void let_go(struct outbox *box, const struct letter *letter)
{
	box->used &= ~(1U << (letter - box->letters));
}

bool outbox_post(struct outbox *box, struct letter *letter, int fd)
{
	ssize_t n = sendto(fd, letter->bytes + letter->sent,
			   letter->len - letter->sent,
			   MSG_NOSIGNAL | MSG_DONTWAIT, NULL, 0);

	if (n < 0 && errno == EAGAIN)
		return false;
	if (n >= 0) {
		letter->sent += (uint16_t)n;
		if (letter->sent < letter->len)
			return false;
	}
	let_go(box, letter);
	return true;
}

void outbox_drop(struct outbox *box, struct letter *letter, int fd)
{
	if (!outbox_post(box, letter, fd))
		let_go(box, letter);
}
