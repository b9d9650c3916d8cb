/* The camera as the transport layer sees it: who may open it, and whether it is still there. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "simulator.h"

#define STREAM_NAME "Stream0"

Module device_module = {MODULE_DEVICE, false}, remote_module = {MODULE_REMOTE, false};

static int lock_fd = -1;
static int64_t opened_ns;
static _Atomic bool lost; /* once the link was down the session is dead, as with a lost control channel; only a new open helps */

int32_t device_info(int32_t command, int32_t *type, void *buffer, size_t *size);

bool device_plugged(void) { return fault_active(FAULT_UNPLUG, now_ns()) == 0; }

bool device_lost(void)
{
    if (device_module.open && !lost && belt_running())
        for (int i = 0; i < config.fault_count && !lost; i++) {
            const Fault *fault = &config.faults[i];
            int64_t begin = fault->kind == FAULT_UNPLUG ? pack_time_ns(fault->pack) : INT64_MAX;
            lost = begin <= now_ns() && begin + fault->duration_ns > opened_ns;
        }
    return lost;
}

/* An exclusive lock on a file of the run folder: the kernel drops it however the holder ends. */
static int take_lock(void)
{
    char path[1100];
    snprintf(path, sizeof path, "%s/camera.lock", config.folder);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static int32_t access_status(void)
{
    if (device_module.open)
        return device_lost() ? ACCESS_NOACCESS : ACCESS_OPEN_READWRITE;
    if (!device_plugged())
        return ACCESS_NOACCESS;
    int fd = take_lock();
    if (fd < 0)
        return ACCESS_BUSY;
    close(fd);
    return ACCESS_READWRITE;
}

int32_t device_info(int32_t command, int32_t *type, void *buffer, size_t *size)
{
    switch (command) {
    case DEVICE_ID: case DEVICE_SERIAL_NUMBER: return put_string(config.serial_number, type, buffer, size);
    case DEVICE_VENDOR: return put_string(VENDOR, type, buffer, size);
    case DEVICE_MODEL: return put_string(MODEL, type, buffer, size);
    case DEVICE_TLTYPE: return put_string(TLTYPE, type, buffer, size);
    case DEVICE_DISPLAYNAME: return put_string(VENDOR " " MODEL, type, buffer, size);
    case DEVICE_ACCESS_STATUS: return put_number(TYPE_INT32, (uint64_t)access_status(), type, buffer, size);
    case DEVICE_USER_DEFINED_NAME: return put_string(config.user_id, type, buffer, size);
    case DEVICE_VERSION: return put_string(VERSION, type, buffer, size);
    case DEVICE_TIMESTAMP_FREQUENCY: return put_number(TYPE_UINT64, 1000000000, type, buffer, size);
    default: return fail(GC_ERR_NOT_IMPLEMENTED, "device info %d", command);
    }
}

GC_API IFOpenDevice(void *handle, const char *id, int32_t flags, void **opened)
{
    if (handle != &interface_module || !interface_module.open)
        return fail(GC_ERR_INVALID_HANDLE, "the handle is not of an open interface");
    if (!id || strcmp(id, config.serial_number) != 0)
        return fail(GC_ERR_INVALID_ID, "unknown device");
    if (flags != OPEN_CONTROL && flags != OPEN_EXCLUSIVE && flags != OPEN_READONLY)
        return fail(GC_ERR_INVALID_PARAMETER, "unknown access flag %d", flags);
    if (device_module.open)
        return fail(GC_ERR_RESOURCE_IN_USE, "the camera is open in this process already");
    if (!device_plugged())
        return fail(GC_ERR_IO, "the camera does not answer");
    lock_fd = take_lock();
    if (lock_fd < 0)
        return fail(GC_ERR_ACCESS_DENIED, "the camera is open in another process");
    opened_ns = now_ns();
    lost = false;
    device_module.open = remote_module.open = true;
    *opened = &device_module;
    return GC_ERR_SUCCESS;
}

static int32_t check_device(const void *handle)
{
    return handle == &device_module && device_module.open ? GC_ERR_SUCCESS : fail(GC_ERR_INVALID_HANDLE, "the device is not open");
}

GC_API DevClose(void *handle)
{
    int32_t code = check_device(handle);
    if (code)
        return code;
    engine_stop();
    stream.module.open = false;
    device_module.open = remote_module.open = false;
    if (lock_fd >= 0)
        close(lock_fd);
    lock_fd = -1;
    return GC_ERR_SUCCESS;
}

GC_API DevGetInfo(void *handle, int32_t command, int32_t *type, void *buffer, size_t *size)
{
    int32_t code = check_device(handle);
    return code ? code : device_info(command, type, buffer, size);
}

GC_API DevGetPort(void *handle, void **port)
{
    *port = &remote_module;
    return check_device(handle);
}

GC_API DevGetNumDataStreams(void *handle, uint32_t *count)
{
    *count = 1;
    return check_device(handle);
}

GC_API DevGetDataStreamID(void *handle, uint32_t index, char *id, size_t *size)
{
    int32_t code = check_device(handle);
    if (code)
        return code;
    return index == 0 ? put_string(STREAM_NAME, 0, id, size) : fail(GC_ERR_INVALID_INDEX, "there is one stream");
}

GC_API DevOpenDataStream(void *handle, const char *id, void **opened)
{
    int32_t code = check_device(handle);
    if (code)
        return code;
    if (!id || strcmp(id, STREAM_NAME) != 0)
        return fail(GC_ERR_INVALID_ID, "unknown stream");
    if (stream.module.open)
        return fail(GC_ERR_RESOURCE_IN_USE, "the stream is open already");
    memset(&stream, 0, sizeof stream);
    stream.module = (Module){MODULE_STREAM, true};
    *opened = &stream;
    return GC_ERR_SUCCESS;
}

GC_API DevGetParentIF(void *handle, void **parent)
{
    *parent = &interface_module;
    return check_device(handle);
}
