/* The last error of each thread, and how info values are handed to the consumer. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "simulator.h"

static __thread int32_t last_code;
static __thread char last_text[512];

int32_t fail(int32_t code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(last_text, sizeof last_text, format, arguments);
    va_end(arguments);
    last_code = code;
    return code;
}

/* A null buffer asks for the size alone. */
int32_t put_bytes(const void *bytes, size_t length, int32_t *type, void *buffer, size_t *size)
{
    if (type && *type == 0)
        *type = TYPE_BUFFER;
    if (!size)
        return fail(GC_ERR_INVALID_PARAMETER, "no place for the size");
    if (buffer) {
        if (*size < length)
            return fail(GC_ERR_BUFFER_TOO_SMALL, "%zu bytes are needed, %zu were given", length, *size);
        memcpy(buffer, bytes, length);
    }
    *size = length;
    return GC_ERR_SUCCESS;
}

int32_t put_string(const char *text, int32_t *type, void *buffer, size_t *size)
{
    if (type)
        *type = TYPE_STRING;
    return put_bytes(text, strlen(text) + 1, type, buffer, size);
}

int32_t put_number(int32_t kind, uint64_t value, int32_t *type, void *buffer, size_t *size)
{
    if (type)
        *type = kind;
    size_t length = kind == TYPE_BOOL8 ? 1 : kind == TYPE_INT32 || kind == TYPE_UINT32 ? 4 : 8;
    return put_bytes(&value, length, type, buffer, size); /* little-endian machines only, as build.py's targets are */
}

GC_API GCGetLastError(int32_t *code, char *text, size_t *size)
{
    if (!code || !size)
        return GC_ERR_INVALID_PARAMETER;
    *code = last_code;
    return put_string(last_text, 0, text, size);
}
