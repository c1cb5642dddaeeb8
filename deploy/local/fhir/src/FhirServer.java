import ca.uhn.fhir.batch2.jobs.config.Batch2JobsConfig;
import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.context.support.IValidationSupport;
import ca.uhn.fhir.jpa.api.config.JpaStorageSettings;
import ca.uhn.fhir.jpa.api.config.ThreadPoolFactoryConfig;
import ca.uhn.fhir.jpa.api.dao.IFhirSystemDao;
import ca.uhn.fhir.jpa.batch2.JpaBatch2Config;
import ca.uhn.fhir.jpa.binary.api.IBinaryStorageSvc;
import ca.uhn.fhir.jpa.binstore.DatabaseBinaryContentStorageSvcImpl;
import ca.uhn.fhir.jpa.config.HapiJpaConfig;
import ca.uhn.fhir.jpa.config.r4.JpaR4Config;
import ca.uhn.fhir.jpa.config.util.HapiEntityManagerFactoryUtil;
import ca.uhn.fhir.jpa.interceptor.UserRequestRetryVersionConflictsInterceptor;
import ca.uhn.fhir.jpa.model.config.PartitionSettings;
import ca.uhn.fhir.jpa.model.config.SubscriptionSettings;
import ca.uhn.fhir.jpa.model.dialect.HapiFhirH2Dialect;
import ca.uhn.fhir.jpa.provider.IJpaSystemProvider;
import ca.uhn.fhir.jpa.provider.JpaCapabilityStatementProvider;
import ca.uhn.fhir.jpa.provider.ValueSetOperationProvider;
import ca.uhn.fhir.jpa.search.DatabaseBackedPagingProvider;
import ca.uhn.fhir.jpa.subscription.channel.config.SubscriptionChannelConfig;
import ca.uhn.fhir.jpa.subscription.match.config.SubscriptionProcessorConfig;
import ca.uhn.fhir.jpa.subscription.match.deliver.email.IEmailSender;
import ca.uhn.fhir.jpa.subscription.submit.config.SubscriptionSubmitterConfig;
import ca.uhn.fhir.rest.server.RestfulServer;
import ca.uhn.fhir.rest.server.provider.ResourceProviderFactory;
import ca.uhn.fhir.rest.server.util.ISearchParamRegistry;
import jakarta.persistence.EntityManagerFactory;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.sql.SQLException;
import java.util.Properties;
import javax.sql.DataSource;
import org.apache.commons.dbcp2.BasicDataSource;
import org.eclipse.jetty.ee10.servlet.ServletContextHandler;
import org.eclipse.jetty.ee10.servlet.ServletHolder;
import org.eclipse.jetty.server.Server;
import org.springframework.beans.factory.config.ConfigurableListableBeanFactory;
import org.springframework.context.annotation.AnnotationConfigApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.orm.jpa.JpaTransactionManager;
import org.springframework.orm.jpa.LocalContainerEntityManagerFactoryBean;

/**
 * A HAPI FHIR R4 server on embedded Jetty and H2, for demos and tests: no login, on the loopback address only.
 *
 * <p>Arguments: port, and the folder of the database; without a folder all is in memory. It behaves as HAPI does by
 * default, but for one switch: clients may ask for retries on version conflicts (X-Retry-On-Version-Conflict).
 */
public class FhirServer {

    public static void main(String[] arguments) throws Exception {
        int port = Integer.parseInt(arguments[0]);
        if (arguments.length > 1) {
            System.setProperty("fhir.database", Path.of(arguments[1]).toAbsolutePath().resolve("fhir").toString());
        }
        var beans = new AnnotationConfigApplicationContext(Storage.class);
        keepWhatIsAcknowledged(beans.getBean(DataSource.class));
        var jetty = new Server(new InetSocketAddress("127.0.0.1", port));
        var paths = new ServletContextHandler("/");
        var servlet = new ServletHolder(restfulServer(beans));
        servlet.setInitOrder(0); // the port opens only when the server can answer
        paths.addServlet(servlet, "/fhir/*");
        jetty.setHandler(paths);
        jetty.setStopAtShutdown(true);
        jetty.start();
        Runtime.getRuntime().addShutdownHook(new Thread(beans::close));
        jetty.join();
    }

    /** H2 writes a commit to its file half a second later, and a kill would take it back: now at once. */
    private static void keepWhatIsAcknowledged(DataSource source) throws SQLException {
        try (var connection = source.getConnection(); var statement = connection.createStatement()) {
            statement.execute("SET WRITE_DELAY 0");
        }
    }

    private static RestfulServer restfulServer(AnnotationConfigApplicationContext beans) {
        var server = new RestfulServer(beans.getBean(FhirContext.class));
        server.registerProviders(beans.getBean(ResourceProviderFactory.class).createProviders());
        server.registerProvider(beans.getBean(IJpaSystemProvider.class));
        server.registerProvider(beans.getBean(ValueSetOperationProvider.class)); // $validate-code, $expand
        server.setPagingProvider(beans.getBean(DatabaseBackedPagingProvider.class));
        server.registerInterceptor(new UserRequestRetryVersionConflictsInterceptor());
        server.setServerConformanceProvider(new JpaCapabilityStatementProvider(
                server, beans.getBean(IFhirSystemDao.class), beans.getBean(JpaStorageSettings.class),
                beans.getBean(ISearchParamRegistry.class), beans.getBean(IValidationSupport.class)));
        return server;
    }

    @Configuration
    @Import({JpaR4Config.class, HapiJpaConfig.class, ThreadPoolFactoryConfig.class, JpaBatch2Config.class,
        Batch2JobsConfig.class, SubscriptionSubmitterConfig.class, SubscriptionProcessorConfig.class,
        SubscriptionChannelConfig.class})
    static class Storage {

        @Bean
        JpaStorageSettings storageSettings() {
            var settings = new JpaStorageSettings();
            settings.setAllowExternalReferences(true); // an event's own source may be another server
            settings.setReuseCachedSearchResultsForMillis(null); // a search always sees the last write
            settings.setExpungeEnabled(true); // POST /fhir/$expunge empties the server
            settings.setAllowMultipleDelete(true);
            return settings;
        }

        @Bean
        DataSource dataSource() {
            String file = System.getProperty("fhir.database");
            var source = new BasicDataSource();
            // H2 would write a trace file for a harmless message of the schema's update
            source.setUrl(file == null
                    ? "jdbc:h2:mem:fhir;DB_CLOSE_DELAY=-1"
                    : "jdbc:h2:file:" + file + ";TRACE_LEVEL_FILE=0");
            source.setUsername("sa");
            source.setPassword("");
            source.setMaxTotal(20);
            return source;
        }

        @Bean
        LocalContainerEntityManagerFactoryBean entityManagerFactory(
                ConfigurableListableBeanFactory beans, FhirContext fhir, JpaStorageSettings settings, DataSource source) {
            var properties = new Properties();
            properties.put("hibernate.dialect", HapiFhirH2Dialect.class.getName());
            properties.put("hibernate.hbm2ddl.auto", "update");
            properties.put("hibernate.jdbc.batch_size", "20");
            properties.put("hibernate.cache.use_query_cache", "false");
            properties.put("hibernate.cache.use_second_level_cache", "false");
            properties.put("hibernate.search.enabled", "false"); // no Lucene: _text and _content searches are off
            var factory = HapiEntityManagerFactoryUtil.newEntityManagerFactory(beans, fhir, settings);
            factory.setPersistenceUnitName("HAPI_PU");
            factory.setDataSource(source);
            factory.setJpaProperties(properties);
            return factory;
        }

        @Bean
        JpaTransactionManager transactionManager(EntityManagerFactory factory) {
            return new JpaTransactionManager(factory);
        }

        @Bean
        PartitionSettings partitionSettings() {
            return new PartitionSettings();
        }

        @Bean
        SubscriptionSettings subscriptionSettings() {
            return new SubscriptionSettings(); // no type of subscription is switched on
        }

        @Bean
        IEmailSender emailSender() {
            return details -> {};
        }

        @Bean
        IBinaryStorageSvc binaryStorage() {
            return new DatabaseBinaryContentStorageSvcImpl();
        }
    }
}
