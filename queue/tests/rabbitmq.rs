//! The contract suite on a real broker, which the test command starts.

use secrecy::SecretString;

#[tokio::test]
async fn real_rabbitmq_keeps_the_contract() {
    let url = std::env::var("DROVER_TEST_AMQP").expect("a broker: run cargo xtask test");
    let queue = queue::Queue::rabbitmq(SecretString::from(url)).await.expect("the url is one");
    let prefix = format!("contract-{}", std::process::id());
    queue::contract::keeps(&queue, &prefix).await;
}
