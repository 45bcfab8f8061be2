/* SPDX-License-Identifier: MIT */
/* Bare tree: Boost.Intrusive's rbtree, at its fastest: no safe mode, no size. */
#include "vmem/peers.h"

#include <boost/intrusive/rbtree.hpp>
#include <new>

namespace
{
namespace bi = boost::intrusive;

struct item : bi::set_base_hook<bi::link_mode<bi::normal_link>> {
	uint64_t key;
};

struct key_of {
	using type = uint64_t;
	uint64_t operator()(const item &it) const
	{
		return it.key;
	}
};

using items = bi::rbtree<item, bi::key_of_value<key_of>,
	bi::constant_time_size<false>>;

struct tree {
	items head;
	item first; /* of as many as there is memory for */
};

tree *of(void *at)
{
	return static_cast<tree *>(at);
}

size_t memory(size_t nodes)
{
	return sizeof(tree) + nodes * sizeof(item);
}

void open(void *at, size_t nodes)
{
	tree *into = new (at) tree;

	for (size_t i = 1; i < nodes; i++)
		new (&into->first + i) item;
}

void insert(void *at, uint32_t node, uint64_t key)
{
	item *it = &of(at)->first + node;

	it->key = key;
	of(at)->head.insert_equal(*it);
}

void erase(void *at, uint32_t node)
{
	of(at)->head.erase(items::s_iterator_to((&of(at)->first)[node]));
}

bool find(void *at, uint64_t key)
{
	return of(at)->head.find(key) != of(at)->head.end();
}
} // namespace

extern const struct tree_peer tree_boost = {
	"boost::intrusive", memory, open, insert, erase, find};
