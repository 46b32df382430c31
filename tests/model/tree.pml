/*
 * "Own, flush, then drop": the protocol of mm/tree.c and mm/fault.c as a Promela model.
 *
 * Two address spaces: A, whose two threads run on CPUs 0 and 1, and B, its child, on CPU 2. Each has
 * a root with one entry, which leads to a table with one entry (leaf), which leads to a page. Tables
 * and pages have counts. A root's and a leaf's R/W bit together say what may be written.
 *
 * The hardware: each CPU has a paging-structure cache (a copy of a root entry) and a TLB (a copy of
 * where a walk ended). It may fill and use either at any moment, whatever changed behind it, until
 * somebody flushes it. What is cached decides nothing that the kernel or another CPU does, so each run
 * of the model watches the caches of one CPU; which one is chosen at the start, and all are tried.
 * The kernel: under the lock of its address space, every CPU now and then takes a
 * write fault, unmaps the page or the whole table, forks (A), or exits (B).
 *
 * What must hold is asserted where the hardware uses what it has cached; see use_tlb and fill_tlb.
 * A reference that is never dropped also shows: the pools of tables and pages are as small as the
 * protocol allows, and run out.
 *
 * Variants that must be found wrong: -DDROP_BEFORE_FLUSH, -DFLUSH_ONLY_HERE, -DFORK_WITHOUT_FLUSH,
 * -DWRITABLE_BEFORE_FLUSH, -DDROP_WHILE_LOADED.
 * -DONLY_WRITES leaves out what is asserted of reads, to show that writes alone go wrong too.
 */

#define A 0
#define B 1
#define NONE 0	/* tables and pages are numbered from 1 */
#define TABLES 4
#define PAGES 4
#define CPUS 3

typedef entry { byte to; bit rw }
typedef table { byte count; byte leaf; bit leaf_rw; bit lock }

table tables[TABLES + 1];
byte page_count[PAGES + 1];
entry root[2];		/* one for each address space */
bit mm_lock[2];
bit alive[2];		/* B: from the end of its fork to its exit */

byte watched;		/* the CPU to which these two belong */
entry psc;		/* paging-structure cache: what the CPU thinks its root says */
entry tlb;		/* what it thinks is mapped, and whether it may write to it */

#define mm_of(cpu) ((cpu) / 2)
#define reaches(m, p) (alive[m] && root[m].to != NONE && tables[root[m].to].leaf == (p))
#define may_write(m, p) (reaches(m, p) && root[m].rw && tables[root[m].to].leaf_rw)

/* ---- the hardware ---- */

/* Walk the first step. */
inline fill_psc(m)
{
	atomic {
		alive[m] && psc.to == NONE && root[m].to != NONE ->
		psc.to = root[m].to;
		psc.rw = root[m].rw
	}
}

/* Walk the second step, from what is cached of the first. A writable translation also gets its dirty
 * bit set in the table: nobody else may be using that table. */
inline fill_tlb(m)
{
	atomic {
		psc.to != NONE && tlb.to == NONE && tables[psc.to].leaf != NONE ->
		tlb.to = tables[psc.to].leaf;
		tlb.rw = psc.rw && tables[psc.to].leaf_rw;
		assert(!tlb.rw || !(alive[1 - m] && root[1 - m].to == psc.to))
	}
}

/* Read, or write if the TLB allows it. While A forks, its other thread may still write: B does not
 * live before the flush is over. */
inline use_tlb(m)
{
	atomic {
		tlb.to != NONE ->
#ifndef ONLY_WRITES
		/* A page that is read is nobody else's to write, and not free. */
		assert(page_count[tlb.to] > 0);
		assert(!may_write(1 - m, tlb.to));
		/* Nor has it been replaced by one that our other thread may write already. */
		assert(!(root[m].rw && tables[root[m].to].leaf_rw) || reaches(m, tlb.to));
#endif
		/* A page that is written is ours alone. */
		assert(!tlb.rw || page_count[tlb.to] == 1);
		assert(!tlb.rw || !reaches(1 - m, tlb.to))
	}
}

inline forget(cpu)
{
	d_step {
		if
		:: watched == (cpu) ->
			psc.to = NONE; psc.rw = 0;
			tlb.to = NONE; tlb.rw = 0
		:: else
		fi
	}
}

/* The shootdown waits for each CPU in turn. */
inline flush(cpu)
{
	if
	:: mm_of(cpu) == B -> forget(2)
	:: mm_of(cpu) == A ->
#ifdef FLUSH_ONLY_HERE
		forget(cpu)
#else
		forget(0); forget(1)
#endif
	fi
}

/* ---- counts ---- */

/* The lowest free one, so that what was just dropped comes back at once. */
inline new_table(t)
{
	d_step {
		t = 1;
		do
		:: t <= TABLES && tables[t].count > 0 -> t++
		:: else -> break
		od;
		assert(t <= TABLES);
		tables[t].count = 1; tables[t].leaf = NONE; tables[t].leaf_rw = 0
	}
}

inline new_page(p)
{
	d_step {
		p = 1;
		do
		:: p <= PAGES && page_count[p] > 0 -> p++
		:: else -> break
		od;
		assert(p <= PAGES);
		page_count[p] = 1
	}
}

inline drop_table(t)
{
	d_step {
		assert(tables[t].count > 0);
		tables[t].count--;
		if
		:: tables[t].count == 0 && tables[t].leaf != NONE ->
			page_count[tables[t].leaf]--;
			tables[t].leaf = NONE; tables[t].leaf_rw = 0
		:: else
		fi
	}
}

inline drop_page(p)
{
	d_step { assert(page_count[p] > 0); page_count[p]-- }
}

/* gather_flush_and_drop() of mm/tree.c: what was gathered is a table, a page, both or nothing. */
inline drop_gathered()
{
	if
	:: gone_table != NONE -> drop_table(gone_table)
	:: else
	fi;
	if
	:: gone_page != NONE -> drop_page(gone_page)
	:: else
	fi
}

inline finish(cpu)
{
	if
	:: gone_table != NONE || gone_page != NONE ->
#ifdef DROP_BEFORE_FLUSH
		drop_gathered();
		flush(cpu);
#else
		flush(cpu);
		drop_gathered();
#endif
		d_step { gone_table = NONE; gone_page = NONE }
	:: else
	fi
}

/* ---- the kernel, with mm_lock[m] held ---- */

/* unshare(): a copy of the shared table `old` for our root. */
inline unshare(cpu, m)
{
	new_table(t);
	atomic { tables[old].lock == 0 -> tables[old].lock = 1 };
	if
	:: tables[old].count == 1 -> /* whoever shared it copied it just now */
		tables[old].lock = 0;
		drop_table(t);
		root[m].rw = 1
	:: else ->
		/* Nobody may write through either from now on. */
		d_step {
			tables[t].leaf = tables[old].leaf;
			if
			:: tables[old].leaf != NONE -> page_count[tables[old].leaf]++
			:: else
			fi
		};
		tables[old].leaf_rw = 0;
		tables[old].lock = 0;
		d_step { root[m].to = t; root[m].rw = 1; gone_table = old }
	fi
}

/* own_child() of the only level there is. */
inline own_path(cpu, m)
{
	old = root[m].to;
	if
	:: old == NONE -> new_table(t); d_step { root[m].to = t; root[m].rw = 1 }
	:: old != NONE && root[m].rw
	:: old != NONE && !root[m].rw ->
		if
		:: tables[old].count > 1 -> unshare(cpu, m)
		:: else -> root[m].rw = 1
		fi
	fi;
	t = root[m].to
}

/* map_missing() and write_protected() of mm/fault.c */
inline write_fault(cpu, m)
{
	own_path(cpu, m);
	old = tables[t].leaf;
	if
	:: old == NONE -> new_page(p); d_step { tables[t].leaf = p; tables[t].leaf_rw = 1 }
	:: old != NONE && (tables[t].leaf_rw || page_count[old] == 1) -> tables[t].leaf_rw = 1
	:: else ->
		new_page(p);
		d_step { tables[t].leaf = p; gone_page = old };
#ifdef WRITABLE_BEFORE_FLUSH
		tables[t].leaf_rw = 1;
#endif
		finish(cpu);
		tables[t].leaf_rw = 1
	fi;
	finish(cpu)
}

/* A range that covers part of the table: own it, and clear the leaf. */
inline unmap_page(cpu, m)
{
	if
	:: root[m].to != NONE && tables[root[m].to].leaf != NONE ->
		own_path(cpu, m);
		d_step {
			gone_page = tables[t].leaf;
			tables[t].leaf = NONE; tables[t].leaf_rw = 0
		};
		finish(cpu)
	:: else
	fi
}

/* A range that covers the whole table: its entry goes, owned or not. */
inline unmap_table(cpu, m)
{
	old = root[m].to;
	if
	:: old != NONE ->
		d_step { root[m].to = NONE; root[m].rw = 0; gone_table = old };
		finish(cpu)
	:: else
	fi
}

/* mm_put(): its CPU loads the kernel's tables, which empties the caches; then there is nothing to
 * flush. */
inline exit_b()
{
#ifndef DROP_WHILE_LOADED
	atomic { alive[B] = 0; forget(2) };
#endif
	old = root[B].to;
	d_step { root[B].to = NONE; root[B].rw = 0 };
	if
	:: old != NONE -> drop_table(old)
	:: else
	fi;
#ifdef DROP_WHILE_LOADED
	atomic { alive[B] = 0; forget(2) }
#endif
}

/* tree_clone(): B shares what A's root refers to, and A's CPUs forget that they could write. */
inline fork_b(cpu)
{
	if
	:: root[A].to != NONE ->
		tables[root[A].to].count++;
		root[A].rw = 0;
		root[B].to = root[A].to
	:: else
	fi;
#ifndef FORK_WITHOUT_FLUSH
	flush(cpu);
#endif
	alive[B] = 1
}

inline leave(m)
{
	d_step { t = 0; p = 0; old = 0; mm_lock[m] = 0 }
}

/* The page walker and the user program of the watched CPU: any order, any time. */
proctype hardware()
{
end:	do
	:: fill_psc(mm_of(watched))
	:: fill_tlb(mm_of(watched))
	:: use_tlb(mm_of(watched))
	od
}

proctype kernel(byte cpu)
{
	byte t, p, old; /* old: the table or page that is replaced */
	byte gone_table, gone_page; /* the gather */

end:	do
	:: atomic { alive[mm_of(cpu)] && !mm_lock[mm_of(cpu)] -> mm_lock[mm_of(cpu)] = 1 };
		if
		:: write_fault(cpu, mm_of(cpu))
		:: unmap_page(cpu, mm_of(cpu))
		:: unmap_table(cpu, mm_of(cpu))
		:: mm_of(cpu) == A && !alive[B] && !mm_lock[B] -> fork_b(cpu)
		:: mm_of(cpu) == B -> exit_b()
		fi;
		leave(mm_of(cpu))
	od
}

init {
	atomic {
		alive[A] = 1;
		select(watched : 0 .. CPUS - 1);
		run hardware();
		run kernel(0);
		run kernel(1);
		run kernel(2)
	}
}
