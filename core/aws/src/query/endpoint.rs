//! Where a service is: by the settings that every AWS tool knows, else by the region.

use aws_config::SdkConfig;
use aws_types::service_config::ServiceConfigKey;

use super::Service;

/// The URL of a service: its own setting (`AWS_ENDPOINT_URL_EC2`, or `endpoint_url` in the profile's
/// section of services), the one for all (`AWS_ENDPOINT_URL`), or AWS's.
pub(super) fn of(configuration: &SdkConfig, service: Service, region: &str) -> String {
    let key = ServiceConfigKey::builder().service_id(service.id).profile("endpoint_url");
    let key = key.env("AWS_ENDPOINT_URL").build().ok();
    let own = configuration.service_config().zip(key).and_then(|(all, key)| all.load_config(key));
    let given = own.or_else(|| configuration.endpoint_url().map(str::to_owned));
    given.unwrap_or_else(|| {
        let fips = configuration.use_fips().unwrap_or(false);
        of_region(service.name, region, fips, configuration.use_dual_stack().unwrap_or(false))
    })
}

fn of_region(service: &str, region: &str, fips: bool, dual_stack: bool) -> String {
    let fips = if fips { "-fips" } else { "" };
    let domain = match (region.starts_with("cn-"), dual_stack) {
        (false, false) => "amazonaws.com",
        (false, true) => "api.aws",
        (true, false) => "amazonaws.com.cn",
        (true, true) => "api.amazonwebservices.com.cn",
    };
    format!("https://{service}{fips}.{region}.{domain}")
}

#[cfg(test)]
mod tests {
    use super::of_region;

    #[test]
    fn a_service_is_found_in_every_partition() {
        let plain = |service, region| of_region(service, region, false, false);
        assert_eq!(plain("ec2", "eu-central-1"), "https://ec2.eu-central-1.amazonaws.com");
        assert_eq!(
            plain("autoscaling", "cn-north-1"),
            "https://autoscaling.cn-north-1.amazonaws.com.cn"
        );
        let fips = of_region("ec2", "us-east-1", true, false);
        assert_eq!(fips, "https://ec2-fips.us-east-1.amazonaws.com");
        assert_eq!(of_region("ec2", "us-east-1", false, true), "https://ec2.us-east-1.api.aws");
    }
}
