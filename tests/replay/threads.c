/* SPDX-License-Identifier: MIT */
/* Something to record: threads that map, touch and free memory. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define THREADS	4
#define ROUNDS	100

static void *work(void *arg)
{
	const size_t nr = *(const size_t *)arg;

	for (size_t i = 1; i <= ROUNDS; i++) {
		const size_t len = i * 4096 + nr;
		char *bytes = malloc(len);

		if (!bytes)
			return NULL;
		memset(bytes, (int)i, len);
		free(bytes);
	}
	return NULL;
}

int main(void)
{
	pthread_t threads[THREADS];
	size_t numbers[THREADS];

	for (size_t i = 0; i < THREADS; i++) {
		numbers[i] = i;
		if (pthread_create(&threads[i], NULL, work, &numbers[i]))
			return EXIT_FAILURE;
	}
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	return EXIT_SUCCESS;
}
