/* Events: that a buffer was filled is the one there is. */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "simulator.h"

static int32_t check_event(const void *handle)
{
    return handle == &event_module && event_module.open ? GC_ERR_SUCCESS : fail(GC_ERR_INVALID_HANDLE, "the event is not registered");
}

GC_API GCRegisterEvent(void *source, int32_t id, void **event)
{
    if (id != EVENT_NEW_BUFFER || source != &stream)
        return fail(GC_ERR_NOT_IMPLEMENTED, "event %d", id);
    if (event_module.open)
        return fail(GC_ERR_RESOURCE_IN_USE, "the event is registered already");
    event_module.open = true;
    stream.event_killed = false;
    *event = &event_module;
    return GC_ERR_SUCCESS;
}

GC_API GCUnregisterEvent(void *source, int32_t id)
{
    if (id != EVENT_NEW_BUFFER || source != &stream || !event_module.open)
        return fail(GC_ERR_NOT_AVAILABLE, "event %d is not registered", id);
    event_module.open = false;
    return GC_ERR_SUCCESS;
}

/* Takes the oldest filled buffer; the standard's infinite timeout is all bits set. */
GC_API EventGetData(void *handle, void *data, size_t *size, uint64_t timeout_ms)
{
    int32_t code = check_event(handle);
    if (code)
        return code;
    if (!data || !size || *size < sizeof(NewBufferData))
        return fail(GC_ERR_BUFFER_TOO_SMALL, "%zu bytes are needed", sizeof(NewBufferData));
    int64_t limit = timeout_ms > 1000000000ull ? INT64_MAX : now_ns() + (int64_t)timeout_ms * 1000000;
    struct timespec until = {limit / 1000000000, limit % 1000000000};
    pthread_mutex_lock(&lock);
    while (!stream.output_count && !stream.event_killed && now_ns() < limit)
        if (limit == INT64_MAX)
            pthread_cond_wait(&frame_arrived, &lock);
        else
            pthread_cond_timedwait(&frame_arrived, &lock, &until);
    if (stream.event_killed) {
        stream.event_killed = false;
        code = fail(GC_ERR_ABORT, "the wait was aborted");
    } else if (!stream.output_count) {
        code = fail(GC_ERR_TIMEOUT, "no frame within %llu ms", (unsigned long long)timeout_ms);
    } else {
        Buffer *buffer = &stream.buffers[stream.output[0]];
        memmove(stream.output, stream.output + 1, sizeof stream.output[0] * (size_t)--stream.output_count);
        buffer->queued = false;
        stream.fired++;
        NewBufferData filled = {buffer, buffer->user};
        memcpy(data, &filled, sizeof filled);
        *size = sizeof filled;
    }
    pthread_mutex_unlock(&lock);
    return code;
}

GC_API EventGetDataInfo(void *handle, const void *in, size_t in_size, int32_t command, int32_t *type, void *out, size_t *out_size)
{
    int32_t code = check_event(handle);
    NewBufferData filled;
    if (code)
        return code;
    if (!in || in_size < sizeof filled)
        return fail(GC_ERR_INVALID_PARAMETER, "not the data of this event");
    memcpy(&filled, in, sizeof filled);
    if (command == EVENT_DATA_ID)
        return put_number(TYPE_PTR, (uint64_t)(uintptr_t)filled.buffer, type, out, out_size);
    if (command == EVENT_DATA_VALUE)
        return put_number(TYPE_PTR, (uint64_t)(uintptr_t)filled.user, type, out, out_size);
    return fail(GC_ERR_NOT_IMPLEMENTED, "event data info %d", command);
}

GC_API EventGetInfo(void *handle, int32_t command, int32_t *type, void *buffer, size_t *size)
{
    int32_t code = check_event(handle);
    if (code)
        return code;
    switch (command) {
    case EVENT_INFO_TYPE: return put_number(TYPE_INT32, EVENT_NEW_BUFFER, type, buffer, size);
    case EVENT_INFO_NUM_IN_QUEUE: return put_number(TYPE_SIZET, (uint64_t)stream.output_count, type, buffer, size);
    case EVENT_INFO_NUM_FIRED: return put_number(TYPE_UINT64, stream.fired, type, buffer, size);
    case EVENT_INFO_SIZE_MAX: case EVENT_INFO_DATA_SIZE_MAX: return put_number(TYPE_SIZET, sizeof(NewBufferData), type, buffer, size);
    default: return fail(GC_ERR_NOT_IMPLEMENTED, "event info %d", command);
    }
}

GC_API EventFlush(void *handle)
{
    int32_t code = check_event(handle);
    if (code)
        return code;
    pthread_mutex_lock(&lock);
    for (int i = 0; i < stream.output_count; i++)
        stream.buffers[stream.output[i]].queued = false;
    stream.output_count = 0;
    pthread_mutex_unlock(&lock);
    return GC_ERR_SUCCESS;
}

GC_API EventKill(void *handle)
{
    int32_t code = check_event(handle);
    if (code)
        return code;
    pthread_mutex_lock(&lock);
    stream.event_killed = true;
    pthread_cond_broadcast(&frame_arrived);
    pthread_mutex_unlock(&lock);
    return GC_ERR_SUCCESS;
}
