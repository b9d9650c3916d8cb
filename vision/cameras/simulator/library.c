/* The producer, its one system and its one interface: opening, closing, enumerating. */
#include <stdio.h>
#include <string.h>

#include "simulator.h"

#define SYSTEM_ID "VisionSimulator"
#define BELT_ID "Belt0"

pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
Module system_module = {MODULE_SYSTEM, false}, interface_module = {MODULE_INTERFACE, false};

static bool initialised;
static uint32_t device_count; /* as of the last update of the list, as the standard asks */

int32_t device_info(int32_t command, int32_t *type, void *buffer, size_t *size);

static int32_t check_open(const void *handle, const Module *module)
{
    if (!initialised)
        return fail(GC_ERR_NOT_INITIALIZED, "the producer is not initialised");
    if (handle != module || !module->open)
        return fail(GC_ERR_INVALID_HANDLE, "the handle is not of an open module");
    return GC_ERR_SUCCESS;
}

GC_API GCInitLib(void)
{
    if (initialised)
        return fail(GC_ERR_RESOURCE_IN_USE, "the producer is initialised already");
    initialised = true;
    return GC_ERR_SUCCESS;
}

GC_API GCCloseLib(void)
{
    if (!initialised)
        return fail(GC_ERR_NOT_INITIALIZED, "the producer is not initialised");
    initialised = false;
    return GC_ERR_SUCCESS;
}

static int32_t producer_info(int32_t command, int32_t *type, void *buffer, size_t *size)
{
    switch (command) {
    case TL_ID: return put_string(SYSTEM_ID, type, buffer, size);
    case TL_VENDOR: return put_string(VENDOR, type, buffer, size);
    case TL_MODEL: return put_string(MODEL, type, buffer, size);
    case TL_VERSION: return put_string(VERSION, type, buffer, size);
    case TL_TLTYPE: return put_string(TLTYPE, type, buffer, size);
    case TL_NAME: case TL_PATHNAME: return put_string("vision_simulator.cti", type, buffer, size);
    case TL_DISPLAYNAME: return put_string(VENDOR " " MODEL, type, buffer, size);
    case TL_CHAR_ENCODING: return put_number(TYPE_INT32, 1, type, buffer, size); /* UTF-8 */
    case TL_GENTL_MAJOR: return put_number(TYPE_UINT32, 1, type, buffer, size);
    case TL_GENTL_MINOR: return put_number(TYPE_UINT32, 5, type, buffer, size);
    default: return fail(GC_ERR_NOT_IMPLEMENTED, "producer info %d", command);
    }
}

GC_API GCGetInfo(int32_t command, int32_t *type, void *buffer, size_t *size) { return producer_info(command, type, buffer, size); }

/* The configuration is read here and not in GCInitLib: of a failure there genicam does not pass on the words. */
GC_API TLOpen(void **handle)
{
    if (!initialised)
        return fail(GC_ERR_NOT_INITIALIZED, "the producer is not initialised");
    if (system_module.open)
        return fail(GC_ERR_RESOURCE_IN_USE, "the system is open already");
    int32_t code = load_config();
    if (code)
        return code;
    reset_registers();
    system_module.open = true;
    *handle = &system_module;
    return GC_ERR_SUCCESS;
}

GC_API TLClose(void *handle)
{
    int32_t code = check_open(handle, &system_module);
    if (code)
        return code;
    system_module.open = false;
    unload_config();
    return GC_ERR_SUCCESS;
}

GC_API TLGetInfo(void *handle, int32_t command, int32_t *type, void *buffer, size_t *size)
{
    int32_t code = check_open(handle, &system_module);
    return code ? code : producer_info(command, type, buffer, size);
}

GC_API TLUpdateInterfaceList(void *handle, uint8_t *changed, uint64_t timeout_ms)
{
    (void)timeout_ms;
    if (changed)
        *changed = 0;
    return check_open(handle, &system_module);
}

GC_API TLGetNumInterfaces(void *handle, uint32_t *count)
{
    *count = 1;
    return check_open(handle, &system_module);
}

GC_API TLGetInterfaceID(void *handle, uint32_t index, char *id, size_t *size)
{
    int32_t code = check_open(handle, &system_module);
    if (code)
        return code;
    return index == 0 ? put_string(BELT_ID, 0, id, size) : fail(GC_ERR_INVALID_INDEX, "there is one interface");
}

static int32_t interface_info(int32_t command, int32_t *type, void *buffer, size_t *size)
{
    switch (command) {
    case INTERFACE_ID: return put_string(BELT_ID, type, buffer, size);
    case INTERFACE_DISPLAYNAME: return put_string("Simulated belt", type, buffer, size);
    case INTERFACE_TLTYPE: return put_string(TLTYPE, type, buffer, size);
    default: return fail(GC_ERR_NOT_IMPLEMENTED, "interface info %d", command);
    }
}

GC_API TLGetInterfaceInfo(void *handle, const char *id, int32_t command, int32_t *type, void *buffer, size_t *size)
{
    int32_t code = check_open(handle, &system_module);
    if (code)
        return code;
    return id && !strcmp(id, BELT_ID) ? interface_info(command, type, buffer, size) : fail(GC_ERR_INVALID_ID, "unknown interface");
}

GC_API TLOpenInterface(void *handle, const char *id, void **opened)
{
    int32_t code = check_open(handle, &system_module);
    if (code)
        return code;
    if (!id || strcmp(id, BELT_ID) != 0)
        return fail(GC_ERR_INVALID_ID, "unknown interface");
    if (interface_module.open)
        return fail(GC_ERR_RESOURCE_IN_USE, "the interface is open already");
    interface_module.open = true;
    *opened = &interface_module;
    return GC_ERR_SUCCESS;
}

GC_API IFClose(void *handle)
{
    int32_t code = check_open(handle, &interface_module);
    interface_module.open = false;
    return code;
}

GC_API IFGetInfo(void *handle, int32_t command, int32_t *type, void *buffer, size_t *size)
{
    int32_t code = check_open(handle, &interface_module);
    return code ? code : interface_info(command, type, buffer, size);
}

GC_API IFUpdateDeviceList(void *handle, uint8_t *changed, uint64_t timeout_ms)
{
    (void)timeout_ms;
    int32_t code = check_open(handle, &interface_module);
    uint32_t count = device_plugged() ? 1 : 0;
    if (changed)
        *changed = count != device_count;
    device_count = count;
    return code;
}

GC_API IFGetNumDevices(void *handle, uint32_t *count)
{
    *count = device_count;
    return check_open(handle, &interface_module);
}

GC_API IFGetDeviceID(void *handle, uint32_t index, char *id, size_t *size)
{
    int32_t code = check_open(handle, &interface_module);
    if (code)
        return code;
    return index < device_count ? put_string(config.serial_number, 0, id, size) : fail(GC_ERR_INVALID_INDEX, "no such device");
}

GC_API IFGetDeviceInfo(void *handle, const char *id, int32_t command, int32_t *type, void *buffer, size_t *size)
{
    int32_t code = check_open(handle, &interface_module);
    if (code)
        return code;
    return id && !strcmp(id, config.serial_number) ? device_info(command, type, buffer, size) : fail(GC_ERR_INVALID_ID, "unknown device");
}

GC_API IFGetParentTL(void *handle, void **parent)
{
    *parent = &system_module;
    return check_open(handle, &interface_module);
}
