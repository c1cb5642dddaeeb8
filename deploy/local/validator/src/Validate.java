import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.context.support.DefaultProfileValidationSupport;
import ca.uhn.fhir.validation.FhirValidator;
import ca.uhn.fhir.validation.ResultSeverityEnum;
import ca.uhn.fhir.validation.SingleValidationMessage;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.hl7.fhir.common.hapi.validation.support.CommonCodeSystemsTerminologyService;
import org.hl7.fhir.common.hapi.validation.support.InMemoryTerminologyServerValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.PrePopulatedValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.SnapshotGeneratingValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.UnknownCodeSystemWarningValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.ValidationSupportChain;
import org.hl7.fhir.common.hapi.validation.validator.FhirInstanceValidator;
import org.hl7.fhir.r4.model.CodeSystem;
import org.hl7.fhir.r4.model.CodeSystem.CodeSystemContentMode;
import org.hl7.fhir.r4.model.Enumerations.PublicationStatus;
import org.hl7.fhir.r4.model.ValueSet;
import org.hl7.fhir.utilities.npm.NpmPackage;

/**
 * HL7's validator over R4 and the packages (.tgz) and resources (.json) that the arguments name.
 *
 * <p>Reads a line per resource, {@code name TAB resource as JSON}, and answers each with a line of JSON: {@code {"name",
 * "issues": [{"severity", "path", "message"}]}}. What is less than a warning is left out.
 */
public final class Validate {
  private static final ObjectMapper JSON = new ObjectMapper();

  public static void main(String[] arguments) throws IOException {
    FhirContext context = FhirContext.forR4();
    PrePopulatedValidationSupport loaded = new PrePopulatedValidationSupport(context);
    for (String argument : arguments) {
      load(context, loaded, Path.of(argument));
    }
    loaded.addCodeSystem(named("http://loinc.org", loaded));
    FhirValidator validator = validator(context, loaded);
    System.err.println("ready");
    PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      String[] given = line.split("\t", 2);
      out.println(answer(validator, given[0], given[1]));
    }
  }

  /** A package's definitions, without its examples; or one resource. The last of a canonical URL wins. */
  private static void load(FhirContext context, PrePopulatedValidationSupport loaded, Path file) throws IOException {
    if (!file.toString().endsWith(".tgz")) {
      loaded.addResource(context.newJsonParser().parseResource(Files.readString(file)));
      return;
    }
    try (InputStream stream = Files.newInputStream(file)) {
      NpmPackage npm = NpmPackage.fromPackage(stream);
      for (String name : npm.listResources("StructureDefinition", "ValueSet", "CodeSystem")) {
        try (InputStream resource = npm.load("package", name)) {
          loaded.addResource(context.newJsonParser().parseResource(resource));
        }
      }
    }
  }

  /**
   * The codes of a system that the loaded value sets list, as a fragment of it. Without one, HAPI takes a code that a
   * required value set lists for unknown.
   */
  private static CodeSystem named(String system, PrePopulatedValidationSupport loaded) {
    CodeSystem fragment = new CodeSystem();
    fragment.setUrl(system).setStatus(PublicationStatus.ACTIVE).setContent(CodeSystemContentMode.FRAGMENT);
    loaded.fetchAllConformanceResources().stream()
        .filter(ValueSet.class::isInstance)
        .flatMap(resource -> ((ValueSet) resource).getCompose().getInclude().stream())
        .filter(include -> system.equals(include.getSystem()))
        .flatMap(include -> include.getConcept().stream())
        .map(concept -> concept.getCode())
        .distinct()
        .forEach(code -> fragment.addConcept().setCode(code));
    return fragment;
  }

  private static FhirValidator validator(FhirContext context, PrePopulatedValidationSupport loaded) {
    ValidationSupportChain chain =
        new ValidationSupportChain(
            new Hgvs(context),
            loaded,
            new DefaultProfileValidationSupport(context),
            new CommonCodeSystemsTerminologyService(context),
            new InMemoryTerminologyServerValidationSupport(context),
            new SnapshotGeneratingValidationSupport(context),
            new UnknownCodeSystemWarningValidationSupport(context)); // no licence to ship SNOMED CT or LOINC: warn
    FhirInstanceValidator module = new FhirInstanceValidator(chain);
    module.setErrorForUnknownProfiles(true);
    return context.newValidator().registerValidatorModule(module);
  }

  private static String answer(FhirValidator validator, String name, String resource) throws IOException {
    ObjectNode answer = JSON.createObjectNode().put("name", name);
    var issues = answer.putArray("issues");
    for (SingleValidationMessage message : validator.validateWithResult(resource).getMessages()) {
      if (message.getSeverity().compareTo(ResultSeverityEnum.WARNING) >= 0) {
        issues
            .addObject()
            .put("severity", message.getSeverity() == ResultSeverityEnum.WARNING ? "warning" : "error")
            .put("path", message.getLocationString())
            .put("message", message.getMessage());
      }
    }
    return JSON.writeValueAsString(answer);
  }
}
