def rossum_hook_request_handler(payload):
    return {}
