/*
 * What a stock xenstored asks of Xen, answered by the files of $XSSHIM_DIR, so that it runs on plain Linux.
 *
 *   ring.N       domain N exists; its ring's page      evtchn   the store's event channels: a datagram of one port is an event
 *   shutdown.N   it shut down                          ev.N     domain N's end
 *   dying.N      it is being destroyed                 xsd_port the port of dom0's kernel
 *
 * VIRQ_DOM_EXC is port 1, domain N's port is 1000 + N. The same layout is spoken by `xenith store --standalone`.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define FIRST_PORT 1000u
#define PAGE 4096

static char handle[16];

static const char *in_directory(char *into, size_t size, const char *name)
{
	const char *directory = getenv("XSSHIM_DIR");

	snprintf(into, size, "%s/%s", directory ? directory : ".", name);
	return into;
}

static const char *of_domain(char *into, size_t size, const char *what, unsigned int domid)
{
	char name[64];

	snprintf(name, sizeof(name), "%s.%u", what, domid);
	return in_directory(into, size, name);
}

static int marked(const char *what, unsigned int domid)
{
	char path[512];

	return access(of_domain(path, sizeof(path), what, domid), F_OK) == 0;
}

static void *map_ring(unsigned int domid)
{
	char path[512];
	int fd = open(of_domain(path, sizeof(path), "ring", domid), O_RDWR);
	void *page;

	if (fd < 0)
		return NULL;
	page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	return page == MAP_FAILED ? NULL : page;
}

/* libxenctrl */

void *xc_interface_open(void *a, void *b, unsigned int c) { return handle; }
int xc_interface_close(void *h) { return 0; }
void *xc_map_foreign_range(void *h, uint32_t domid, int size, int prot, unsigned long mfn) { return map_ring(domid); }

/* The first words of xc_dominfo_t (4.17): domid, ssidref, then bits. */
int xc_domain_getinfo(void *h, uint32_t domid, unsigned int max, uint32_t *info)
{
	for (; domid < 1024; domid++) {
		if (!marked("ring", domid))
			continue;
		memset(info, 0, 12);
		info[0] = domid;
		info[2] = (marked("dying", domid) ? 1 : 0) | (marked("shutdown", domid) ? 4 : 0);
		return 1;
	}
	return 0;
}

/* The first words of xc_domaininfo_t (4.18 and later): domid and padding, then flags. */
int xc_domain_getinfo_single(void *h, uint32_t domid, uint32_t *info)
{
	if (!marked("ring", domid)) {
		errno = ESRCH;
		return -1;
	}
	if (info) {
		info[0] = domid;
		info[1] = (marked("dying", domid) ? 1 : 0) | (marked("shutdown", domid) ? 4 : 0);
	}
	return 0;
}

/* libxengnttab */

void *xengnttab_open(void *a, unsigned int b) { return handle; }
int xengnttab_close(void *h) { return 0; }
int xengnttab_set_max_grants(void *h, uint32_t n) { return 0; }
void *xengnttab_map_grant_ref(void *h, uint32_t domid, uint32_t ref, int prot) { return map_ring(domid); }
int xengnttab_unmap(void *h, void *page, uint32_t n) { return munmap(page, PAGE); }

/* libxenevtchn: one handle per process is all that a store has. */

static int channels = -1;

void *xenevtchn_open(void *a, unsigned int flags)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	in_directory(address.sun_path, sizeof(address.sun_path), "evtchn");
	unlink(address.sun_path);
	/* Bit 0: not closed on exec. */
	channels = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | (flags & 1 ? 0 : SOCK_CLOEXEC), 0);
	return bind(channels, (struct sockaddr *)&address, sizeof(address)) ? NULL : handle;
}

void *xenevtchn_fdopen(void *a, int fd, unsigned int flags)
{
	channels = fd;
	return handle;
}

int xenevtchn_close(void *h) { return close(channels); }
int xenevtchn_fd(void *h) { return channels; }
int xenevtchn_bind_virq(void *h, unsigned int virq) { return 1; }
int xenevtchn_bind_interdomain(void *h, uint32_t domid, uint32_t port) { return FIRST_PORT + domid; }
int xenevtchn_unbind(void *h, uint32_t port) { return 0; }
int xenevtchn_unmask(void *h, uint32_t port) { return 0; }

int xenevtchn_pending(void *h)
{
	uint32_t port;

	return recv(channels, &port, sizeof(port), MSG_DONTWAIT) == sizeof(port) ? (int)port : -1;
}

int xenevtchn_notify(void *h, uint32_t port)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (port < FIRST_PORT)
		return 0;
	of_domain(address.sun_path, sizeof(address.sun_path), "ev", port - FIRST_PORT);
	sendto(channels, &port, sizeof(port), MSG_DONTWAIT, (struct sockaddr *)&address, sizeof(address));
	return 0;
}

/* libc: xenfs stands in the directory, and limits need no privilege. */

int setrlimit(__rlimit_resource_t what, const struct rlimit *limit) { return 0; }

static int open_instead(const char *symbol, const char *path, int flags, mode_t mode)
{
	int (*real)(const char *, int, ...) = dlsym(RTLD_NEXT, symbol);
	char instead[512];

	if (!strcmp(path, "/proc/xen/xsd_kva"))
		path = of_domain(instead, sizeof(instead), "ring", 0);
	else if (!strcmp(path, "/proc/xen/xsd_port"))
		path = in_directory(instead, sizeof(instead), "xsd_port");
	return real(path, flags, mode);
}

static mode_t mode_of(int flags, va_list rest)
{
	return flags & O_CREAT ? va_arg(rest, int) : 0;
}

int open(const char *path, int flags, ...)
{
	va_list rest;
	mode_t mode;

	va_start(rest, flags);
	mode = mode_of(flags, rest);
	va_end(rest);
	return open_instead("open", path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
	va_list rest;
	mode_t mode;

	va_start(rest, flags);
	mode = mode_of(flags, rest);
	va_end(rest);
	return open_instead("open64", path, flags, mode);
}
