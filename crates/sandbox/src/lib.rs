//! The WhatsApp platform on the desk: customers that write to a webhook over real HTTP.
