/* SPDX-License-Identifier: MIT */
/*
 * Everybody forks two children, who do the same, until there is no memory for
 * another one. Then all go home, each after its children.
 */
#include "user.h"

struct shared {
	uint64_t out; /* of memory */
	uint64_t forks;
};

static volatile uint64_t weight[1024];

long main(unsigned long argument)
{
	unsigned long key;
	struct shared *shared = (struct shared *)share(PAGE, &key);
	unsigned long children = 0;
	bool root = true;

	(void)argument;
	drop(key);
	while (children < 2 && load(&shared->out) == 0) {
		const long number = fork();

		if (number < 0) {
			store(&shared->out, 1);
		} else if (number > 0) {
			children++;
		} else {
			(void)add(&shared->forks, 1);
			root = false;
			children = 0;
			/* Two pages of its own. */
			weight[0]++;
			weight[512]++;
		}
	}
	/* What has no memory for its next page is killed, here or there. */
	while (wait(0) >= 0)
		;
	if (!root)
		return 0;
	expect(load(&shared->out) == 1, "memory did not run out");
	return (long)load(&shared->forks);
}
