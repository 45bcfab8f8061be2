/* SPDX-License-Identifier: MIT */
/*
 * Bare tree: std::set. It allocates its nodes; they come from a list in the
 * tree's own memory here, so that no heap is measured.
 */
#include "vmem/peers.h"

#include <new>
#include <set>

namespace
{
/* What the set stores beside a key is the standard library's business: three
   pointers and a colour are what it needs today. open() would notice. */
constexpr size_t node_size = 5 * sizeof(void *);

struct pool {
	void *spare;
	char *fresh;
	char *end;
};

template <typename T> struct from_pool {
	using value_type = T;
	pool *from;

	explicit from_pool(pool *p) : from(p)
	{
	}
	template <typename U>
	from_pool(const from_pool<U> &other) : from(other.from)
	{
	}
	T *allocate(size_t)
	{
		static_assert(sizeof(T) <= node_size, "a larger node");
		void *node = from->spare;

		if (node != nullptr)
			from->spare = *static_cast<void **>(node);
		else if (from->fresh < from->end)
			node = from->fresh, from->fresh += node_size;
		else
			throw std::bad_alloc();
		return static_cast<T *>(node);
	}
	void deallocate(T *node, size_t)
	{
		*reinterpret_cast<void **>(node) = from->spare;
		from->spare = node;
	}
	template <typename U> bool operator==(const from_pool<U> &other) const
	{
		return from == other.from;
	}
	template <typename U> bool operator!=(const from_pool<U> &other) const
	{
		return from != other.from;
	}
};

using set = std::set<uint64_t, std::less<uint64_t>, from_pool<uint64_t>>;

struct tree {
	pool nodes;
	set keys;
	set::iterator *where; /* by node number */

	tree() : nodes(), keys(from_pool<uint64_t>(&nodes)), where()
	{
	}
};

tree *of(void *at)
{
	return static_cast<tree *>(at);
}

size_t memory(size_t nodes)
{
	return sizeof(tree) + nodes * (node_size + sizeof(set::iterator));
}

void open(void *at, size_t nodes)
{
	tree *into = new (at) tree;

	into->where = reinterpret_cast<set::iterator *>(into + 1);
	into->nodes.fresh = reinterpret_cast<char *>(into->where + nodes);
	into->nodes.end = into->nodes.fresh + nodes * node_size;
}

void insert(void *at, uint32_t node, uint64_t key)
{
	of(at)->where[node] = of(at)->keys.insert(key).first;
}

void erase(void *at, uint32_t node)
{
	of(at)->keys.erase(of(at)->where[node]);
}

bool find(void *at, uint64_t key)
{
	return of(at)->keys.find(key) != of(at)->keys.end();
}
} // namespace

extern const struct tree_peer tree_std = {
	"std::set", memory, open, insert, erase, find};
